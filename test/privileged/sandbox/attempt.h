/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of the sandbox: entering it in a child, and how the child ended. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "runtime/sandbox/sandbox.h"

enum { NOT_ENTERED = 99, NO_ERROR = 98 };

/* Runs in the child after it entered; what it returns is the exit status. */
typedef int attempt_fn(void);

UNUSED static void enter(enum sandbox_profile profile, const struct sandbox_options *options,
                  struct sandbox *sandbox)
{
    struct fault why = {0};

    if (sandbox_enter_early(profile, options, sandbox, &why) < 0 ||
        sandbox_enter_late(sandbox, &why) < 0) {
        (void)dprintf(2, "%s\n", why.text);
        _exit(NOT_ENTERED);
    }
}

UNUSED static int status_of(pid_t child)
{
    int status = 0;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

UNUSED static int try_in(enum sandbox_profile profile, const struct sandbox_options *options,
                  attempt_fn *attempt)
{
    pid_t child = fork();

    if (child == 0) {
        struct sandbox sandbox = {0};

        enter(profile, options, &sandbox);
        _exit(attempt());
    }
    return status_of(child);
}

UNUSED static int exit_of(int status)
{
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* errno of a call that must fail, as an exit status. */
UNUSED static int error_of(long result)
{
    return result < 0 ? errno : NO_ERROR;
}
