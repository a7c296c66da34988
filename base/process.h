/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: starting our own programs, with exactly the descriptors that are named.
 *
 * Belongs here: fork, descriptors, exec. Children never run on in our image.
 * Does not belong here: giving up privileges (each program does so itself: runtime/sandbox).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct fault;

enum { PROCESS_FDS_MAX = 72 };

struct process_plan {
    const char *root;        /* the child's root folder, in which @path is looked up; NULL: ours */
    const char *path;        /* absolute path of the program */
    const char *const *argv; /* ended by NULL */
    const char *const *envp; /* ended by NULL; NULL for an empty environment */
    int in;                  /* descriptors 0, 1, 2 of the child; -1 is /dev/null */
    int out;
    int err;
    const int *fds; /* become 3, 4, 5, … in the child */
    size_t fds_count;
    bool session; /* setsid(): not ended by the terminal or process group of the parent */
};

/**
 * process_start() - start a program
 * @plan:    what to start; borrowed; the child has no descriptor but those that it names, its cwd
 *           is "/", all signals have their default action
 * @ret_pid: the child, to be reaped by the caller (loop_child_new())
 * @why:     the reason; a program that cannot be executed is reported here, not by exit status
 *
 * Return: 0 or negative. Thread: any.
 */
int process_start(const struct process_plan *plan, int *ret_pid, struct fault *why) MUST_USE;

/**
 * process_sibling() - the path of another program of this project
 * @name: "skep-worker"
 * @ret:  at least 4096 bytes: in the folder of this program, else in ../libexec/skep beside it
 * @room: bytes in @ret
 * @why:  FAULT_NOT_FOUND naming both places
 *
 * Return: 0 or negative. Thread: any.
 */
int process_sibling(const char *name, char *ret, size_t room, struct fault *why) MUST_USE;
