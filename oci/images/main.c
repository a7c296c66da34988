/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep-images ADDRESS [NAMES], with a packet socket as descriptor 3: answers which component a
 * container of containerd has. NAMES are of walls that may be missing (sandbox.h).
 *
 * Everything that needs rights is opened first: the connection to containerd's socket and the folder
 * of its content store. The folder's name must be asked for by gRPC, whose threads would keep their
 * rights; so a child of our own, skep-images --content-root ADDRESS, asks and prints it. Then the
 * rights go, and only then is a byte of any image read.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include "base/text.h"
#include "oci/images/connect.h"
#include "oci/images/containerd.h"
#include "oci/images/desk.h"
#include "oci/images/protocol.h"
#include "oci/images/resolve.h"
#include "runtime/sandbox/sandbox.h"

/* FAR_FD: further than anything that is open when it starts. */
enum { KEPT_BYTES = 256 * 1024 * 1024, WALLS_ROOM = 1024, FAR_FD = 200 };

/* Blobs that are kept, one more of the largest size, and address space for stacks of threads. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_BYTES 0 /* its shadow is larger than any limit */
#else
#define MEMORY_BYTES (4ULL << 30)
#endif
#define FILE_BYTES (1ULL << 30) /* memory files of components are files, too */

static int print_content_root(const char *address, struct fault *why)
{
    AUTO(fd_close) int connection = containerd_connect(address, why);
    AUTO(containerd_free) struct containerd *client = NULL;
    char root[4096];

    TRY(connection);
    TRY(containerd_open(connection, -1, &client, why));
    TRY(containerd_content_root(client, root, why));
    if (fs_write_all(STDOUT_FILENO, root, strlen(root)) < 0) {
        return fault_sys(why, -errno, "print the content store's folder");
    }
    return 0;
}

static int ask_content_root(const char *address, struct buf *ret, struct fault *why)
{
    const char *const argv[] = {"skep-images", "--content-root", address, NULL};
    AUTO(fd_close) int hear = -1;
    AUTO(fd_close) int say = -1;
    struct process_plan plan = {.path = "/proc/self/exe", .argv = argv, .in = -1,
                                .err = STDERR_FILENO};
    int ends[2];
    int pid = 0;
    ssize_t got = 1;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return fault_sys(why, -errno, "make a pipe");
    }
    hear = ends[0];
    say = ends[1];
    plan.out = say;
    TRY(process_start(&plan, &pid, why));
    say = fd_close(say);
    while (got > 0 || (got < 0 && errno == EINTR)) {
        uint8_t *room = buf_reserve(ret, 1024);

        if (!room) {
            break;
        }
        got = read(hear, room, 1024);
        ret->length += got > 0 ? (size_t)got : 0;
    }
    (void)waitpid(pid, NULL, 0);
    if (ret->length == 0 || ret->data[0] != '/') {
        return fault(why, FAULT_NOT_FOUND, "containerd's content store has no known folder");
    }
    return 0;
}

/* Blobs can be streamed as well, so that a missing folder is only slower. */
static int open_content_root(const char *address)
{
    AUTO(buf_fini) struct buf path = BUF(8192);
    struct fault why = {0};
    int root = -1;

    if (ask_content_root(address, &path, &why) < 0) {
        log_warn("blobs will be streamed", "why=%s", why.text);
        return -1;
    }
    buf_put_u8(&path, '\0');
    root = open((const char *)path.data, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        log_warn("blobs will be streamed", "folder=%s err=%d", (const char *)path.data, errno);
    }
    return root;
}

/* Moves a descriptor to @there, over what is there. */
static int move(int *fd, int there, struct fault *why)
{
    int moved = dup3(*fd, there, O_CLOEXEC);

    if (moved < 0) {
        return fault_sys(why, -errno, "move a descriptor");
    }
    (void)fd_close(*fd);
    *fd = moved;
    return 0;
}

/* The descriptors that stay behind each other, after the protocol's; by way of where nobody is. */
static int gather(int *const fds[2], uint32_t *ret_kept, struct fault *why)
{
    *ret_kept = PROTOCOL_FD + 1;
    for (int i = 0; i < 2; i++) {
        if (*fds[i] >= 0) {
            TRY(move(fds[i], FAR_FD + i, why));
        }
    }
    for (int i = 0; i < 2; i++) {
        if (*fds[i] >= 0) {
            TRY(move(fds[i], (int)(*ret_kept)++, why));
        }
    }
    return 0;
}

static int give_up_rights(const char *accept, uint32_t fds_kept, struct fault *why)
{
    AUTO(buf_fini) struct buf walls = BUF(WALLS_ROOM);
    struct sandbox_options options = {
        .fds_kept = fds_kept, .memory_bytes = MEMORY_BYTES, .file_bytes = FILE_BYTES};
    struct sandbox sandbox = {0};

    /* An arena for each thread would reserve address space that is counted. */
    (void)mallopt(M_ARENA_MAX, 2);
    TRY(sandbox_accept(text_of(accept), &options.accepted, why));
    TRY(sandbox_enter_early(SANDBOX_IMAGES, &options, &sandbox, why));
    TRY(sandbox_enter_late(&sandbox, why));
    sandbox_print(&sandbox, &walls);
    buf_put_u8(&walls, '\0');
    log_line(sandbox.missing[0] == '\0' ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "sandboxed", "walls=%s",
             (const char *)walls.data);
    return 0;
}

/* Comes back only when it cannot begin. */
static int serve(struct desk_plan *plan, struct fault *why)
{
    AUTO(loop_free) struct loop *loop = NULL;
    AUTO(desk_free) struct desk *desk = NULL;

    TRY(loop_new(&loop, why));
    plan->loop = loop;
    TRY(desk_new(plan, &desk, why));
    loop_run(loop);
    /* Threads may still wait for containerd on somebody's behalf; nobody waits for them. */
    _exit(0);
}

static int serve_containerd(int connection, int root, struct fault *why)
{
    AUTO(containerd_free) struct containerd *client = NULL;
    AUTO(blobs_free) struct blobs *blobs = NULL;
    AUTO(resolver_free) struct resolver *resolver = NULL;
    struct desk_plan plan = {.connection = connection, .socket = PROTOCOL_FD};

    TRY(containerd_open(connection, root, &client, why));
    blobs = blobs_new(containerd_store(client), KEPT_BYTES);
    resolver = resolver_new(containerd_store(client), blobs);
    plan.blobs = blobs;
    plan.resolver = resolver;
    return serve(&plan, why);
}

static int run(const char *address, const char *accept, struct fault *why)
{
    struct fault broken = {0};
    AUTO(fd_close) int connection = containerd_connect(address, &broken);
    AUTO(fd_close) int root = connection < 0 ? -1 : open_content_root(address);
    struct desk_plan plan = {.broken = &broken, .connection = -1, .socket = PROTOCOL_FD};
    uint32_t kept = 0;

    TRY(gather((int *const[]){&connection, &root}, &kept, why));
    TRY(give_up_rights(accept, kept, why));
    return connection < 0 ? serve(&plan, why) : serve_containerd(connection, root, why);
}

int main(int argc, char **argv)
{
    struct fault why = {0};
    int done;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)setenv("GRPC_VERBOSITY", "NONE", 1);
    log_open(STDERR_FILENO, "skep-images", LOG_LEVEL_INFO);
    if (argc == 3 && strcmp(argv[1], "--content-root") == 0) {
        done = print_content_root(argv[2], &why);
    } else if ((argc == 2 || argc == 3) && argv[1][0] == '/') {
        done = run(argv[1], argc == 3 ? argv[2] : "", &why);
    } else {
        done = fault(&why, FAULT_INVALID, "skep-images is started by skepd: skep-images ADDRESS [NAMES]");
    }
    if (done < 0) {
        log_error("skep-images cannot serve", "why=%s", why.text);
        return fault_exit(why.kind);
    }
    return 0;
}
