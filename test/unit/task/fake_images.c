/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_images.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/loop.h"

struct fake_image fake_image;
static struct loop *loop;

struct image_request {
    struct loop_timer *timer;
    bool hash;
    image_fn *fn;
    void *owner;
};

void fake_images_open(struct loop *the_loop)
{
    loop = the_loop;
    fake_image = (struct fake_image){.form = IMAGE_ARTIFACT};
}

static void answer(void *owner)
{
    struct image_request *request = owner;
    image_fn *fn = request->fn;
    void *for_fn = request->owner;
    struct image image = {.form = request->hash ? IMAGE_TAR : fake_image.form, .wasm = -1};
    struct fault why = {0};
    bool has_bytes = request->hash || image.form == IMAGE_ARTIFACT || image.form == IMAGE_LAYER;

    image_forget(request);
    if (fake_image.fails) {
        (void)fault(&why, FAULT_UNAVAILABLE, "%s", fake_image.fails);
        fn(for_fn, NULL, &why);
        return;
    }
    if (has_bytes) {
        (void)snprintf(image.component, sizeof(image.component), "sha256:%064d", 1);
        image.wasm = fs_memory("component", "\0asm", 4);
    }
    fn(for_fn, &image, NULL);
}

static struct image_request *request_new(bool hash, image_fn *fn, void *owner)
{
    struct image_request *request = NEW(struct image_request);

    request->hash = hash;
    request->fn = fn;
    request->owner = owner;
    request->timer = loop_timer_new(loop, answer, request);
    loop_timer_set(request->timer, fake_image.delay_ns);
    return request;
}

struct image_request *image_find(struct image_reader *reader, const char *namespace_id,
                                 const char *id, image_fn *fn, void *owner)
{
    (void)reader;
    (void)namespace_id;
    (void)id;
    return request_new(false, fn, owner);
}

struct image_request *image_hash(struct image_reader *reader, int file, image_fn *fn, void *owner)
{
    (void)reader;
    (void)file;
    return request_new(true, fn, owner);
}

void image_forget(struct image_request *request)
{
    (void)loop_timer_free(request->timer);
    free(request);
}
