/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An empty root. Nobody can leave the old one after giving up capabilities, and the engine needs
 * it until then; so a child is left behind early, which still has them and does nothing but wait
 * for the word. pivot_root(2) moves every process of the mount namespace whose root is the old
 * one, so the child moves its parent, all threads at once, and ends.
 *
 * Nothing but two tmpfs are left in the namespace: no path leads anywhere, and a descriptor that
 * came before is all that can be opened from. The second covers the first, and who was moved
 * stays below it: the kernel takes a process whose root is not the top of its namespace for one
 * in a chroot, and lets none such make a user namespace, whatever a filter says.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/sandbox/walls.h"

/* Something that every root has, to be covered: the engine has read what it wanted of it. */
#define NEW_ROOT "/proc"
#define EMPTY "size=4096,nr_inodes=1,mode=0555"

/* Return: 0 or errno. */
static int move_root(void)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    if (mount("empty", NEW_ROOT, "tmpfs", flags, EMPTY) != 0 ||
        chdir(NEW_ROOT) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0 ||
        mount(NULL, "/", NULL, flags | MS_REMOUNT | MS_RDONLY, NULL) != 0 ||
        mount("cover", "/", "tmpfs", flags | MS_RDONLY, EMPTY) != 0) {
        return errno;
    }
    return 0;
}

/* The child: one byte comes, one byte goes. Without a word its parent is gone. */
static _Noreturn void wait_and_move(int socket)
{
    uint8_t word = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "skep-root");
    if (read(socket, &word, 1) == 1) {
        word = (uint8_t)move_root();
        _exit(write(socket, &word, 1) == 1 ? 0 : 1);
    }
    _exit(1);
}

/* The child lives on a socket alone: what else is open here is its parent's. */
static _Noreturn void child_main(int socket)
{
    if (dup2(socket, 0) < 0 || close_range(1, UINT_MAX, 0) != 0) {
        _exit(1);
    }
    wait_and_move(0);
}

static int leave_child(struct sandbox *sandbox, struct fault *why)
{
    int pair[2];
    int done = fd_pair(pair);
    int err;

    if (done < 0) {
        return fault_sys(why, done, "make a socket");
    }
    sandbox->root_child = fork();
    err = errno;
    if (sandbox->root_child == 0) {
        child_main(pair[1]);
    }
    (void)fd_close(pair[1]);
    if (sandbox->root_child < 0) {
        (void)fd_close(pair[0]);
        return fault_sys(why, -err, "fork");
    }
    sandbox->root_socket = pair[0];
    return 0;
}

int wall_mounts(struct sandbox *sandbox, struct fault *why)
{
    if (!sandbox_rules(sandbox->profile)->root) {
        return WALL_NONE;
    }
    if (sandbox->options.keep_user || !sandbox_is_root()) {
        return WALL_MISSING;
    }
    if (unshare(CLONE_NEWNS) != 0) {
        return sandbox_lacks_namespace(errno) ? WALL_MISSING
                                              : fault_sys(why, -errno, "leave the mounts");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return fault_sys(why, -errno, "keep mounts to itself");
    }
    return leave_child(sandbox, why);
}

/* Return: 0, or errno of the child, or negative errno of the talk with it. */
static int ask_child(const struct sandbox *sandbox)
{
    uint8_t word = 1;

    if (write(sandbox->root_socket, &word, 1) != 1) {
        return -errno;
    }
    return read(sandbox->root_socket, &word, 1) == 1 ? word : -EPIPE;
}

int wall_root(struct sandbox *sandbox, struct fault *why)
{
    int done;

    if (!sandbox_rules(sandbox->profile)->root) {
        return WALL_NONE;
    }
    if (sandbox->root_child <= 0) {
        return WALL_MISSING;
    }
    done = ask_child(sandbox);
    sandbox->root_socket = fd_close(sandbox->root_socket);
    (void)waitpid(sandbox->root_child, NULL, 0);
    sandbox->root_child = 0;
    if (done != 0) {
        return fault_sys(why, done < 0 ? done : -done, "leave the root");
    }
    if (access("/proc", F_OK) == 0 || access("..", W_OK) == 0) {
        return fault(why, FAULT_INTERNAL, "the old root can still be reached");
    }
    return 0;
}
