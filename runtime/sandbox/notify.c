/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter of one rule. It is exported and loaded by hand because libseccomp 2.5.4 cannot ask for
 * WAIT_KILLABLE_RECV, without which a signal interrupts a call that is being answered.
 */
#include "runtime/sandbox/notify.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/sandbox/filter.h"
#include "runtime/sandbox/walls.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* linux/seccomp.h of 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { INSTRUCTIONS_MAX = 64 };

/* Return: a memory file with the program, or negative errno. */
static int export_filter(void)
{
    AUTO(filter_done) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    AUTO(fd_close) int memory = memfd_create("skep-filter", MFD_CLOEXEC);
    int err;

    if (!filter || memory < 0) {
        return -ENOMEM;
    }
    err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    err = err ? err : seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(socket), 0);
    err = err ? err : seccomp_export_bpf(filter, memory);
    return err < 0 ? err : TAKE_FD(memory);
}

/* Return: the listener, or negative errno. */
static int load_filter(void)
{
    AUTO(fd_close) int memory = export_filter();
    struct sock_filter instructions[INSTRUCTIONS_MAX];
    struct sock_fprog program = {.filter = instructions};
    ssize_t got;
    long listener;

    if (memory < 0) {
        return memory;
    }
    got = pread(memory, instructions, sizeof(instructions), 0);
    if (got <= 0 || got == (ssize_t)sizeof(instructions)) {
        return -E2BIG;
    }
    program.len = (unsigned short)((size_t)got / sizeof(instructions[0]));
    listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                       SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                       &program);
    return listener < 0 ? -errno : (int)listener;
}

int notify_sockets(struct sandbox *sandbox, int *ret_listener, struct fault *why)
{
    static const char words[] = "sockets by notification";
    int listener = load_filter();

    *ret_listener = listener < 0 ? -1 : listener;
    sandbox->notifies = listener >= 0;
    if (listener >= 0) {
        return 0;
    }
    if (!sandbox_accepts_sockets(sandbox)) {
        return fault_sys(why, listener, "enter the sandbox: %s", words);
    }
    sandbox_miss(sandbox, words);
    return 0;
}
