/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families: components of files, looked at together, as the containers and layers of a pod are.
 *
 * Belongs here: reading them, asking the compiler what each is. Blocks.
 * Does not belong here: who is linked to whom (runtime/compose), showing it (cli/graph).
 */
#pragma once

#include "runtime/compose/plan.h"

struct fault;

struct member;

struct family {
    struct member *members;
    struct plan_candidate *candidates;
    struct plan_scene scene; /* of all members, in the order of the files */
};

/* One file of a command line. */
struct family_file {
    const char *path; /* must outlive the family */
    enum plan_tier tier;
};

/**
 * family_open() - read files
 * @files: the first is the entry
 * @count: 1 to PLAN_PARTS_MAX
 * @ret:   the family
 * @why:   the reason, which names the file
 *
 * Return: 0 or negative.
 */
int family_open(const struct family_file *files, size_t count, own struct family **ret,
                struct fault *why) MUST_USE;
struct family *family_free(own struct family *family); /* NULL in, NULL out */
DEFINE_AUTO(struct family *, family_free)

/* The bytes of a member, borrowed. */
int family_wasm(const struct family *family, size_t index);
