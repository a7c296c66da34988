/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stats/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"

enum { SEALS = F_SEAL_GROW | F_SEAL_SHRINK };

static int map(struct shared *shared, int memory, const char *what, struct fault *why)
{
    void *at = mmap(NULL, shared->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory,
                    0);

    if (at == MAP_FAILED) {
        return fault_sys(why, -errno, "map the %s", what);
    }
    shared->at = at;
    return 0;
}

int shared_new(const char *what, size_t bytes, struct shared *ret, struct fault *why)
{
    *ret = (struct shared){.memory = memfd_create(what, MFD_CLOEXEC | MFD_ALLOW_SEALING),
                           .bytes = bytes};
    if (ret->memory < 0 || ftruncate(ret->memory, (off_t)bytes) < 0 ||
        fcntl(ret->memory, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0) {
        return fault_sys(why, -errno, "make the %s", what);
    }
    return map(ret, ret->memory, what, why);
}

int shared_map(int memory, const char *what, size_t bytes, struct shared *ret, struct fault *why)
{
    struct stat about = {0};
    int seals = fcntl(memory, F_GET_SEALS);

    *ret = (struct shared){.memory = -1, .bytes = bytes};
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(memory, &about) < 0 ||
        about.st_size != (off_t)bytes) {
        return fault(why, FAULT_INVALID, "the descriptor is no %s of %zu bytes", what, bytes);
    }
    return map(ret, memory, what, why);
}

void shared_fini(struct shared *shared)
{
    if (shared->at) {
        (void)munmap(shared->at, shared->bytes);
        shared->at = NULL;
    }
    shared->memory = fd_close(shared->memory);
}
