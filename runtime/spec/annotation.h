/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Annotations: what a pod says to us alone, by keys "skep.dev/…".
 *
 * Belongs here: the vocabulary (annotation.def) with its bounds.
 * Does not belong here: what each changes in a grant (runtime/grant/decide).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct fault;
struct spec;

#define ANNOTATION_PREFIX "skep.dev/"

/* What the annotations say; 0 and false where they say nothing. */
struct annotations {
#define WORD(key, field, no, yes, words) bool field;
#define NUMBER(key, field, least, most, words) uint64_t field;
#define DURATION(key, field, least_ms, most_ms, words) uint64_t field;
#define SIZE(key, field, least, most, words) uint64_t field;
#define TEXT(key, field, most, words) const char *field; /* borrowed of the spec */
#include "runtime/spec/annotation.def"
#undef WORD
#undef NUMBER
#undef DURATION
#undef SIZE
#undef TEXT
};

/**
 * annotations_read() - read all of ours
 *
 * A pod's annotations reach all of its containers: "skep.dev/KEY.CONTAINER" is for the one of that
 * name alone, and counts for it in place of "skep.dev/KEY".
 *
 * @spec: where they are
 * @ret:  what they say
 * @why:  FAULT_INVALID naming key and value, and what would be right
 *
 * Return: 0 or negative. Thread: any.
 */
int annotations_read(const struct spec *spec, struct annotations *ret, struct fault *why) MUST_USE;
