/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binaries: what kind of Wasm a file holds, and the names that it imports and exports.
 *
 * Belongs here: walking the outermost sections with bounds. Pure. What is pushed depends on these
 * names, so they are read by one small reader and never by a compiler that changes with its version.
 * Does not belong here: types, validation, inner components (runtime/compiler).
 */
#pragma once

#include "base/bytes.h"

struct fault;

enum {
    BINARY_NAMES_MAX = 4096, /* imports, and as many exports */
    BINARY_NAME_MAX = 4096,  /* bytes of one */
    BINARY_SECTIONS_MAX = 1000000,
};

enum binary_kind {
    BINARY_MODULE,    /* a core module: WASI preview 1 */
    BINARY_COMPONENT,
};

struct binary_names {
    struct text *names; /* borrowed from the bytes; in binary order */
    size_t count;
};

struct binary {
    enum binary_kind kind;
    struct binary_names imports; /* of a module: the modules it imports from, each once */
    struct binary_names exports;
};

/**
 * binary_read() - read the names of a module or component
 * @bytes: the whole file; must outlive @ret
 * @ret:   what it is
 * @why:   FAULT_INVALID saying where it is not WebAssembly, FAULT_LIMIT
 *
 * Return: 0 or negative. Thread: any.
 */
int binary_read(struct cursor bytes, own struct binary **ret, struct fault *why) MUST_USE;
struct binary *binary_free(own struct binary *binary); /* NULL in, NULL out */
DEFINE_AUTO(struct binary *, binary_free)

/* What its exports make of it, when it runs (docs/ARCHITECTURE.md). */
enum binary_role { BINARY_COMMAND, BINARY_SERVER, BINARY_LIBRARY };
enum binary_role binary_role(const struct binary *binary);

/* Return: "command", "server" or "library". Thread: any. */
const char *binary_role_name(enum binary_role role);

/**
 * binary_is_wasm() - does a file begin like WebAssembly?
 * @head:   its first bytes
 * @length: how many are known
 *
 * Return: whether they are the magic and the version of a module or a component. Thread: any.
 */
bool binary_is_wasm(const void *head, size_t length);
