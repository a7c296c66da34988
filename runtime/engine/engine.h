/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: components and core modules in, endings out. The only door to Wasmtime.
 *
 * Belongs here: loading precompiled components, running them as tasks within a
 * grant, interrupting them, and saying how they ended.
 * Does not belong here: policy, paths, protocols, and who asked (runtime/worker).
 *
 * Thread: any, for every function; only engine_free() waits for guests. A panic never
 * leaves: it comes back as ENGINE_BUG. Results: 0 done, negative failed, and @why says why.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "runtime/engine/counters.h"
#include "runtime/engine/grant.h"

struct engine;
struct engine_component;
struct engine_task;

enum engine_why_kind {
    ENGINE_INVALID = 1, /* an argument makes no sense */
    ENGINE_LIMIT,       /* a named maximum is passed */
    ENGINE_UNRESOLVED,  /* the component imports what the host does not offer */
    ENGINE_REFUSED,     /* not precompiled by our compiler, or for another machine */
    ENGINE_SYSTEM,      /* the kernel said no */
    ENGINE_BUG,         /* a panic was caught at the boundary */
};

/* Why something failed: one sentence, NUL-terminated, without a full stop. */
struct engine_why {
    int kind;
    char text[400];
};

enum engine_log_level { ENGINE_LOG_ERROR, ENGINE_LOG_WARN, ENGINE_LOG_INFO, ENGINE_LOG_DEBUG };

/* Takes a line, borrowed for the call. Runs on any thread; must not block. */
typedef void engine_log_fn(void *owner, enum engine_log_level level, const char *text);

/* How large an engine is; vm.max_map_count, the limits of open files and of address space may clamp
 * it (logged). */
struct engine_options {
    uint32_t threads;   /* that run guests, at most 256; 0: one per CPU */
    uint32_t instances; /* of components, alive at once over all tasks; 0: 16,000 */
    engine_log_fn *log; /* may be NULL */
    void *log_owner;
    uint32_t *switchboard; /* ENGINE_SWITCHBOARD_SLOTS by thread id: the network_id of whom the
                              thread works for, else 0; outlives the engine; may be NULL */
};

/**
 * engine_new() - start an engine
 *
 * Call before paths are taken away: it reads /proc/sys/vm, /proc/swaps and opens
 * /proc/self/pagemap. Installs handlers of SIGSEGV, SIGILL, SIGFPE and SIGBUS, which pass
 * on what is not a guest's. @ret_engine is the caller's, until engine_free().
 */
int engine_new(const struct engine_options *options, own struct engine **ret_engine,
               struct engine_why *why) MUST_USE;

/* Kill all tasks, report their ends, join the threads: blocks. NULL in, NULL out. */
struct engine *engine_free(own struct engine *engine);

/* How many instances fit, after clamping. */
uint32_t engine_instances(const struct engine *engine);

enum engine_kind {
    ENGINE_COMMAND, /* exports wasi:cli/run; or _start, as a core module of WASI preview 1 */
    ENGINE_SERVER,  /* exports wasi:http/incoming-handler (0.2) or wasi:http/handler (0.3) */
    ENGINE_LIBRARY, /* exports only other things; cannot be a task */
};

struct engine_component_info {
    enum engine_kind kind;
    uint32_t wasi_minor; /* 1 (preview 1), 2 or 3: whose WASI that export is; 0 for a library */
};

/**
 * engine_component_load() - map a precompiled component or core module, resolve its imports
 * @cwasm:         a file made by skep-compiler; its bytes are trusted as code, so the
 *                 caller has checked its digest. Borrowed for the call; the file must
 *                 never change afterwards
 * @ret_component: one reference, the caller's; tasks keep their own
 */
int engine_component_load(struct engine *engine, int cwasm, struct engine_component_info *ret_info,
                          own struct engine_component **ret_component,
                          struct engine_why *why) MUST_USE;

/* Drop the caller's reference; before engine_free(). NULL in, NULL out. */
struct engine_component *engine_component_free(own struct engine_component *component);

enum engine_how {
    ENGINE_EXITED,  /* the guest came to its end; code is its exit code, 0 to 255 */
    ENGINE_TRAPPED, /* text names the trap */
    ENGINE_OOM,     /* died after the memory limit had refused it more */
    ENGINE_KILLED,  /* by engine_task_kill() or engine_free() */
    ENGINE_STOPPED, /* by engine_task_drain(); text says what was cut off, if anything was */
    ENGINE_FAILED,  /* the host could not run it; text says why */
};

/* How a task ended. The text is empty or a sentence, NUL-terminated. */
struct engine_exit {
    enum engine_how how;
    int code;
    char text[400];
};

/* Told once per task how it ended, on an engine thread, after the grant's descriptors are
 * closed. Must not block; may call engine_task_free(), but not engine_free(). */
typedef void engine_exit_fn(void *owner, const struct engine_exit *end);

struct engine_watcher {
    engine_exit_fn *on_exit;
    void *owner;
};

/**
 * engine_task_start() - run a component within a grant
 * @watcher:  copied; may be told of the end before this function returns
 * @ret_task: the caller's, until engine_task_free()
 *
 * A command gets one instance, a server a fresh one for each request. What goes wrong
 * afterwards is an ending, not a failure of this call.
 */
int engine_task_start(struct engine_component *component, const struct engine_grant *grant,
                      const struct engine_watcher *watcher, own struct engine_task **ret_task,
                      struct engine_why *why) MUST_USE;

/* Interrupt all instances, wherever they are, and end. Does nothing to a task that ended. */
void engine_task_kill(struct engine_task *task);

/* End softly: a server closes its listener now, finishes what it began, and is cut off after
 * @grace_ns; a command ends at once. Calling again shortens the grace, never lengthens it. */
void engine_task_drain(struct engine_task *task, uint64_t grace_ns);

/* No guest code runs from the next interruption point (about 1 ms) until resumed; the time
 * limits of requests go on. */
void engine_task_pause(struct engine_task *task);
void engine_task_resume(struct engine_task *task);

/* Replace the limits; what is already held or running stays. */
int engine_task_update(struct engine_task *task, const struct engine_limits *limits,
                       struct engine_why *why) MUST_USE;

/* Give the handle back. A task that still runs is killed, its watcher not told. NULL to NULL. */
struct engine_task *engine_task_free(own struct engine_task *task);
