/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stats/switchboard.h"

#include "base/fault.h"
#include "runtime/engine/engine.h"
#include "runtime/stats/shared.h"

_Static_assert((int)SWITCHBOARD_SLOTS == (int)ENGINE_SWITCHBOARD_SLOTS, "both count alike");

static const char what[] = "switchboard";
static const size_t board_bytes = (size_t)SWITCHBOARD_SLOTS * sizeof(uint32_t);

struct switchboard {
    struct shared shared;
};

struct switchboard *switchboard_free(own struct switchboard *board)
{
    if (board) {
        shared_fini(&board->shared);
        free(board);
    }
    return NULL;
}

int switchboard_new(own struct switchboard **ret, struct fault *why)
{
    AUTO(switchboard_free) struct switchboard *board = NEW(struct switchboard);

    TRY(shared_new(what, board_bytes, &board->shared, why));
    *ret = TAKE(board);
    return 0;
}

int switchboard_map(int memory, own struct switchboard **ret, struct fault *why)
{
    AUTO(switchboard_free) struct switchboard *board = NEW(struct switchboard);

    TRY(shared_map(memory, what, board_bytes, &board->shared, why));
    *ret = TAKE(board);
    return 0;
}

int switchboard_memory(const struct switchboard *board)
{
    return board->shared.memory;
}

uint32_t *switchboard_slots(struct switchboard *board)
{
    return (uint32_t *)board->shared.at;
}

uint32_t switchboard_read(const struct switchboard *board, uint32_t tid)
{
    const uint32_t *slots = (const uint32_t *)board->shared.at;

    return tid < SWITCHBOARD_SLOTS ? __atomic_load_n(&slots[tid], __ATOMIC_ACQUIRE) : 0;
}
