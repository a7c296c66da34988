/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler: Wasm in, native code and a description out. The only door to Cranelift, in its
 * own process: skep-compiler, which has entered the sandbox before any foreign byte is read.
 *
 * Belongs here: one job, as bytes to bytes, and what the description says.
 * Does not belong here: descriptors, limits, the sandbox (main.c), the cache of results
 * (runtime/cache), loading what comes out (runtime/engine).
 *
 * The description is one JSON object:
 *     v           1
 *     kind        "command", "server" or "library": by what the component exports
 *     wasi        "0.1", "0.2" or "0.3": which WASI that export belongs to; of a library what it
 *                 touches
 *     imports     names of all imports: "wasi:cli/exit@0.2.12", or of a core module
 *                 "wasi_snapshot_preview1.fd_write"
 *     exports     names of all exports
 *     unknown     imports that somebody has to implement and the host does not
 *     hints       a sentence for each unknown, in the same order, with the version wanted and the
 *                 versions that the host has
 *     adapted     "none"; "p1": was a core module (of preview 1, and the code is a module's; or
 *                 with component types, and was made a component); "readapted": was a component
 *                 that is such a module behind the stock adapter, and the code is the module's
 *     parts       only of a composition: how many components it was made of; its imports are those
 *                 of the host, the roots of part N under "cN-wasi:…" (runtime/compose/slot.h)
 *     wasm_bytes  bytes that came in
 *     code_bytes  bytes that go out
 * Imports that are unknown are no failure: a composition may still bind them.
 *
 * Thread: any, for every function, but one job at a time in a process.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

enum {
    COMPILER_WASM_BYTES_MAX = 128 << 20,       /* of a component or module */
    COMPILER_DESCRIPTION_BYTES_MAX = 256 << 10, /* of a description */
    COMPILER_WHY_MAX = 400,                    /* of a sentence, with its NUL */
    COMPILER_IDENTITY_MAX = 65,                /* 64 hexadecimal digits and a NUL */
    COMPILER_NICE = 10,                        /* of a job's process */
    COMPILER_PARTS_MAX = 64,                   /* components of a composition */
    COMPILER_RECIPE_BYTES_MAX = 1 << 20,       /* of a recipe (runtime/compose/recipe.h) */
};

struct compiler_bytes {
    uint8_t *data;
    size_t length;
};

struct compiler_output {
    struct compiler_bytes code;        /* for engine_component_load(), as a file */
    struct compiler_bytes description; /* JSON, not NUL-terminated */
};

/**
 * compiler_compile() - one job
 * @wasm:    a component, or a core module for WASI preview 1; borrowed for the call
 * @length:  bytes, at most COMPILER_WASM_BYTES_MAX (the caller's check)
 * @threads: that compile functions, 1 or more
 * @ret:     the results; the caller's, until compiler_output_fini()
 * @ret_why: at least COMPILER_WHY_MAX bytes; filled on refusal: one sentence, no full stop
 *
 * Blocks; takes as much memory and time as the process may. A panic inside is a refusal.
 *
 * Return: 0, or -1 when it is refused.
 */
int compiler_compile(const uint8_t *wasm, size_t length, unsigned threads,
                     struct compiler_output *ret, char *ret_why) MUST_USE;

/* Bytes of somebody else, borrowed for a call. */
struct compiler_range {
    const uint8_t *data;
    size_t length;
};

/* What a recipe makes one component of. */
struct compiler_composition {
    struct compiler_range recipe;
    const struct compiler_range *parts; /* in the recipe's order; each checked by its digest */
    size_t count;                       /* 1 to COMPILER_PARTS_MAX */
};

/**
 * compiler_compose() - one job over several components
 * @composition: all together at most COMPILER_WASM_BYTES_MAX (the caller's check)
 * @threads:     as for compiler_compile()
 * @ret:         the same
 * @ret_why:     the same
 *
 * Each part's roots get the part's own names before they are linked, and what the result asks of
 * the host is looked at afterwards.
 *
 * Return: 0, or -1 when it is refused.
 */
int compiler_compose(const struct compiler_composition *composition, unsigned threads,
                     struct compiler_output *ret, char *ret_why) MUST_USE;

/* The same for any host: the code is Wasm, and the parts share all that they import. */
int compiler_link(const struct compiler_composition *composition, struct compiler_output *ret,
                  char *ret_why) MUST_USE;

/* Only the description of what compiler_compile() would compile; the code is empty. */
int compiler_describe(const uint8_t *wasm, size_t length, struct compiler_output *ret,
                      char *ret_why) MUST_USE;

/**
 * compiler_identity() - equal identities put out interchangeable code
 * @ret:     at least COMPILER_IDENTITY_MAX bytes: a digest over Wasmtime's compatibility hash
 *           (version, settings, CPU features) and our own sources, dependencies and rustc
 * @ret_why: at least COMPILER_WHY_MAX bytes; filled on failure
 *
 * Return: 0 or -1.
 */
int compiler_identity(char *ret, char *ret_why) MUST_USE;

/**
 * compiler_on_memory_gone() - what to call when an allocation of the library fails
 * @gone: must not return and must not allocate; may be called from several threads at once.
 *        Without one, the process aborts
 */
void compiler_on_memory_gone(void (*gone)(void));

/* Frees and empties; NULL data is nothing. */
void compiler_bytes_fini(struct compiler_bytes *bytes);

UNUSED static inline void compiler_output_fini(struct compiler_output *output)
{
    compiler_bytes_fini(&output->code);
    compiler_bytes_fini(&output->description);
}
UNUSED static inline void compiler_output_fini_auto(struct compiler_output *held)
{
    compiler_output_fini(held);
}
