/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed, sparse memfd; neither side can make the other fail by changing its size. */
#include "runtime/stats/switchboard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/engine/engine.h"

_Static_assert((int)SWITCHBOARD_SLOTS == (int)ENGINE_SWITCHBOARD_SLOTS, "both count alike");

enum { SEALS = F_SEAL_GROW | F_SEAL_SHRINK };

static const size_t board_bytes = (size_t)SWITCHBOARD_SLOTS * sizeof(uint32_t);

struct switchboard {
    int memory;
    uint32_t *slots;
};

struct switchboard *switchboard_free(own struct switchboard *board)
{
    if (board) {
        if (board->slots) {
            (void)munmap(board->slots, board_bytes);
        }
        (void)fd_close(board->memory);
        free(board);
    }
    return NULL;
}

static int map_slots(struct switchboard *board, int memory, struct fault *why)
{
    void *at = mmap(NULL, board_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory,
                    0);

    if (at == MAP_FAILED) {
        return fault_sys(why, -errno, "map the switchboard");
    }
    board->slots = (uint32_t *)at;
    return 0;
}

int switchboard_new(own struct switchboard **ret, struct fault *why)
{
    AUTO(switchboard_free) struct switchboard *board = NEW(struct switchboard);

    board->memory = memfd_create("skep-switchboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (board->memory < 0) {
        return fault_sys(why, -errno, "make a switchboard");
    }
    if (ftruncate(board->memory, (off_t)board_bytes) < 0 ||
        fcntl(board->memory, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0) {
        return fault_sys(why, -errno, "fix the size of the switchboard");
    }
    TRY(map_slots(board, board->memory, why));
    *ret = TAKE(board);
    return 0;
}

int switchboard_map(int memory, own struct switchboard **ret, struct fault *why)
{
    AUTO(switchboard_free) struct switchboard *board = NEW(struct switchboard);
    struct stat about = {0};
    int seals = fcntl(memory, F_GET_SEALS);

    board->memory = -1;
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(memory, &about) < 0 ||
        about.st_size != (off_t)board_bytes) {
        return fault(why, FAULT_INVALID, "the descriptor is no switchboard of %zu bytes",
                     board_bytes);
    }
    TRY(map_slots(board, memory, why));
    *ret = TAKE(board);
    return 0;
}

int switchboard_memory(const struct switchboard *board)
{
    return board->memory;
}

uint32_t *switchboard_slots(struct switchboard *board)
{
    return board->slots;
}

uint32_t switchboard_read(const struct switchboard *board, uint32_t tid)
{
    return tid < SWITCHBOARD_SLOTS ? __atomic_load_n(&board->slots[tid], __ATOMIC_ACQUIRE) : 0;
}
