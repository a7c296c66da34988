/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: how a program of ours gives up what it does not need, before it reads foreign bytes.
 *
 * In two steps, because the engine opens files of /proc while it starts: early while the process
 * has one thread (descriptors, network, identity, capabilities, limits), late when all that
 * needs paths is open (no dumps, system calls). Which walls, in which order: walls.def.
 *
 * Belongs here: the walls which a process can build around itself.
 * Does not belong here: walls built from outside (sockets by notification: runtime/broker), and
 * who may have what (runtime/grant).
 *
 * Use, in a program with one step:
 *     struct sandbox sandbox = {0};
 *     TRY(sandbox_enter_early(SANDBOX_COMPILER, &options, &sandbox, why));
 *     TRY(sandbox_enter_late(&sandbox, why));
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;
struct fault;
struct text;

enum sandbox_profile {
#define PROFILE(NAME, name, id, network, root, landlock, calls, files, threads) SANDBOX_##NAME,
#include "runtime/sandbox/profiles.def"
#undef PROFILE
};

/* Zero is the profile's own choice everywhere. */
struct sandbox_options {
    bool keep_user;        /* stay who we are (people running `skep run`); said in the words */
    uint32_t uid;          /* instead of the profile's */
    uint32_t gid;          /* instead of the profile's */
    uint32_t fds_kept;     /* descriptors 0 to fds_kept - 1 stay, others are closed; 0: all stay */
    uint64_t memory_bytes; /* address space (RLIMIT_AS) */
    uint64_t cpu_seconds;  /* processor time (RLIMIT_CPU), then SIGKILL */
    uint64_t file_bytes;   /* largest file it can write (RLIMIT_FSIZE) */
    uint32_t accepted;     /* walls that may be missing, of sandbox_accept() */
};

/* All that can be missing is accepted, and said. */
#define SANDBOX_ACCEPT_ALL UINT32_MAX
/* The wall of notify.h. */
#define SANDBOX_SOCKETS "sockets"

enum { SANDBOX_MISSING_MAX = 800 };

/* The user (and group, the same number) of a profile. Thread: any. */
uint32_t sandbox_user(enum sandbox_profile profile);

/* What stands so far. Zero-initialise. */
struct sandbox {
    enum sandbox_profile profile;
    struct sandbox_options options;
    unsigned standing; /* a bit for each row of walls.def */
    unsigned absent;   /* the same for walls that are missing */
    bool is_strict;    /* every wall must stand that was not accepted as missing */
    int root_child;    /* between the steps: the process that empties the root; 0: none */
    int root_socket;   /* to it, valid while there is one */
    bool notifies;     /* socket(2) asks another process: notify.h */
    char missing[SANDBOX_MISSING_MAX]; /* walls that could not be built, in words; "" if none */
};

/**
 * sandbox_enter_early() - the walls that need privileges to build, and the limits
 * @profile: which program this is
 * @options: borrowed for the call; NULL for none
 * @ret:     what stands
 * @why:     the reason
 *
 * Call with one thread, and without a handler of SIGCHLD that reaps. Root gives up everything or fails; anybody else (and keep_user) does what
 * is possible, and @ret says what is missing.
 *
 * Afterwards PR_SET_DUMPABLE is 1, so that the process can still open its own /proc/self/pagemap.
 *
 * Return: 0 or negative.
 */
int sandbox_enter_early(enum sandbox_profile profile, const struct sandbox_options *options,
                        struct sandbox *ret, struct fault *why) MUST_USE;

/**
 * sandbox_enter_late() - no dumps, no debugger, and only the system calls of the profile
 * @sandbox: from sandbox_enter_early()
 * @why:     the reason
 *
 * Holds for all threads of the process. A call that no honest program of ours makes (exec, fork,
 * mount, ptrace …) ends the process by SIGSYS; any other that is not listed fails with EPERM.
 *
 * Return: 0 or negative.
 */
int sandbox_enter_late(struct sandbox *sandbox, struct fault *why) MUST_USE;

/**
 * sandbox_accept() - which walls an administrator lets be missing
 * @names: of walls.def, or SANDBOX_SOCKETS, separated by ','; "" for none
 * @ret:   for sandbox_options.accepted
 * @why:   FAULT_INVALID with the name that there is not, and those that there are
 *
 * Return: 0 or negative. Thread: any.
 */
int sandbox_accept(struct text names, uint32_t *ret, struct fault *why) MUST_USE;

enum sandbox_state { SANDBOX_NOT_MEANT, SANDBOX_STANDS, SANDBOX_MISSING };

/* A wall of one process; static texts. */
struct sandbox_wall {
    const char *name;
    const char *words;
    bool is_needed;
    enum sandbox_state state;
};

/**
 * sandbox_wall() - walls one after the other
 * @sandbox: after both steps
 * @index:   from 0
 * @ret:     the wall
 *
 * Return: whether there is one with this index.
 */
bool sandbox_wall(const struct sandbox *sandbox, size_t index, struct sandbox_wall *ret);

/**
 * sandbox_print() - which walls stand and which are missing, as one line
 * @sandbox: after either step
 * @out:     appended
 */
void sandbox_print(const struct sandbox *sandbox, struct buf *out);
