/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Components: bytes that were compiled, or are being compiled, or were found in the cache.
 *
 * Each is compiled once, however many wait for it, and two at most are compiled at a time. Looking
 * into the cache, starting the compiler and admitting its output happen off the loop.
 *
 * Belongs here: the compiler's jobs and their limits; who waits for which component.
 * Does not belong here: where a component is loaded (worker_process.h).
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdint.h>

#include "base/attr.h"
#include "runtime/supervisor/description.h"
#include "runtime/supervisor/later.h"

struct cache;
struct compiler;
struct component;
struct fault;
struct loop;

struct compiler_options {
    const char *program;   /* absolute path of skep-compiler; copied */
    uint64_t memory_bytes; /* of one job; 0: COMPILE_MEMORY_DEFAULT */
    uint64_t seconds;      /* of processor time; 0: the default */
    const char *accept;    /* walls of a job that may be missing; NULL: none; copied */
};

#define COMPILE_MEMORY_DEFAULT (2ULL << 30)
enum { COMPILE_JOBS_MAX = 2, COMPILE_SECONDS_DEFAULT = 25 };

/* A job has a low priority: on a busy node so many seconds may pass for each of the processor. */
enum { COMPILE_PATIENCE = 8 };

/**
 * compiler_new() - nothing compiled yet
 * @loop:    borrowed, must outlive it
 * @laters:  borrowed, must outlive it
 * @cache:   passes to the compiler
 * @options: copied
 */
own struct compiler *compiler_new(struct loop *loop, struct laters *laters, own struct cache *cache,
                                  const struct compiler_options *options) MUST_USE;

/* Kills what runs; all waits must be forgotten and all references given back. NULL in, NULL out. */
struct compiler *compiler_free(own struct compiler *compiler);
DEFINE_AUTO(struct compiler *, compiler_free)

/* Told once, never from inside compiler_get(); @component is borrowed: take a reference. */
typedef void component_fn(void *owner, struct component *component, const struct fault *failed);

/* One who waits; embedded. Zero-initialise, set fn and owner. */
struct component_wait {
    TAILQ_ENTRY(component_wait) next;
    component_fn *fn;
    void *owner;
    struct component *component; /* NULL: does not wait */
};

/**
 * compiler_get() - wait for a component
 * @compiler: the compiler
 * @digest:   of its bytes, 64 hexadecimal digits
 * @wasm:     its bytes; duplicated where needed
 * @wait:     told when it is there, or why not; stays where it is until then
 */
void compiler_get(struct compiler *compiler, const char *digest, int wasm,
                  struct component_wait *wait);

/* What one component is made of several by. */
struct composition {
    const char *digest; /* of the recipe, 64 hexadecimal digits */
    int recipe;         /* its bytes */
    const int *parts;   /* those of each component, in the recipe's order */
    size_t count;       /* at most COMPILE_PARTS_MAX */
};

enum { COMPILE_PARTS_MAX = 64 };

/* The same for several that are linked; descriptors are duplicated where needed. */
void compiler_compose(struct compiler *compiler, const struct composition *composition,
                      struct component_wait *wait);

/* Gives up waiting; what was begun goes on. Without effect when it does not wait. */
void component_forget(struct component_wait *wait);

/* A reference keeps it in memory, and its file in the cache. Held by: runs, and loads of workers.
 */
struct component *component_ref(struct component *component);
struct component *component_unref(own struct component *component); /* NULL in, NULL out */

/* Only of a component that is there. Descriptors are borrowed. */
const struct description *component_description(const struct component *component);
int component_code(const struct component *component);
