/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finding: the image of a container, asked for once. A launcher may be answered before it has come;
 * then Create waits for the rest of it.
 *
 * Belongs here: the question's answer until somebody takes it.
 * Does not belong here: how the answer is found (oci/images), what follows from it (announce.h).
 */
#pragma once

#include "base/attr.h"
#include "oci/images/reader.h"

struct fault;
struct finding;

/* It has come. May free the finding. */
typedef void finding_fn(void *owner);

/* Asks. @reader, @namespace_id and @id as image_find() wants them. */
own struct finding *finding_new(struct image_reader *reader, const char *namespace_id,
                                const char *id) MUST_USE;
/* Gives up what has not come, closes what nobody has taken. NULL in, NULL out. */
struct finding *finding_free(own struct finding *finding);
DEFINE_AUTO(struct finding *, finding_free)

/* Tells @fn, from inside this call when it has come already. At most one waits at a time. */
void finding_wait(struct finding *finding, finding_fn *fn, void *owner);

/* The rest is for one that has come. Why it was not found, borrowed; NULL when it was. */
const struct fault *finding_failed(const struct finding *finding);
enum image_form finding_form(const struct finding *finding);
/* Its descriptor passes to the caller. */
struct image finding_take(struct finding *finding);
