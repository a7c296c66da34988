/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/pod/finding.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/fd.h"

struct finding {
    struct image_request *request; /* NULL once it has come */
    struct image image;
    struct fault why; /* FAULT_NONE: it was found */
    finding_fn *fn;
    void *owner;
};

static void came(void *owner, struct image *image, const struct fault *failed)
{
    struct finding *finding = owner;

    finding->request = NULL;
    if (failed) {
        finding->why = *failed;
    } else {
        finding->image = *image;
    }
    if (finding->fn) {
        finding->fn(finding->owner);
    }
}

own struct finding *finding_new(struct image_reader *reader, const char *namespace_id,
                                const char *id)
{
    struct finding *finding = NEW(struct finding);

    finding->image = (struct image){.form = IMAGE_NONE, .wasm = -1};
    finding->request = image_find(reader, namespace_id, id, came, finding);
    return finding;
}

struct finding *finding_free(own struct finding *finding)
{
    if (finding) {
        if (finding->request) {
            image_forget(finding->request);
        }
        (void)fd_close(finding->image.wasm);
        free(finding);
    }
    return NULL;
}

void finding_wait(struct finding *finding, finding_fn *fn, void *owner)
{
    finding->fn = fn;
    finding->owner = owner;
    if (!finding->request) {
        fn(owner);
    }
}

const struct fault *finding_failed(const struct finding *finding)
{
    assert(!finding->request);
    return finding->why.kind == FAULT_NONE ? NULL : &finding->why;
}

enum image_form finding_form(const struct finding *finding)
{
    assert(!finding->request);
    return finding->image.form;
}

struct image finding_take(struct finding *finding)
{
    struct image image = finding->image;

    assert(!finding->request);
    finding->image.wasm = -1;
    return image;
}
