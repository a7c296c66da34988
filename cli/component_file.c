/* SPDX-License-Identifier: Apache-2.0 */
/* Each piece is hashed as it is copied, so that both see the same bytes. */
#include "cli/component_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"

enum { PIECE = 256 * 1024 };

static int copy(int from, int to, const char *path, struct digest *digest, struct fault *why)
{
    AUTO(memory_free) uint8_t *piece = NEW_ARRAY(PIECE, uint8_t);
    size_t bytes = 0;

    for (;;) {
        ssize_t got = read(from, piece, PIECE);
        int done;

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fault_sys(why, -errno, "read %s", path);
        }
        if (got == 0) {
            return 0;
        }
        bytes += (size_t)got;
        if (bytes > COMPONENT_FILE_BYTES_MAX) {
            return fault(why, FAULT_LIMIT, "%s is larger than %d MiB", path,
                         COMPONENT_FILE_BYTES_MAX >> 20);
        }
        digest_add(digest, piece, (size_t)got);
        done = fs_write_all(to, piece, (size_t)got);
        if (done < 0) {
            return fault_sys(why, done, "copy %s", path);
        }
    }
}

int component_file_open(const char *path, int *ret, char digest[COMPONENT_FILE_DIGEST_ROOM],
                        struct fault *why)
{
    static const char prefix[] = "sha256:";
    AUTO(fd_close) int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    AUTO(fd_close) int to = memfd_create("component", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    AUTO(digest_free) struct digest *sum = digest_new();

    if (from < 0) {
        return fault_sys(why, -errno, "open %s", path);
    }
    if (to < 0) {
        return fault_sys(why, -errno, "make room for %s", path);
    }
    TRY(copy(from, to, path, sum, why));
    if (lseek(to, 0, SEEK_SET) < 0 ||
        fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        return fault_sys(why, -errno, "seal the copy of %s", path);
    }
    memcpy(digest, prefix, sizeof(prefix));
    digest_end(sum, digest + sizeof(prefix) - 1);
    *ret = TAKE_FD(to);
    return 0;
}
