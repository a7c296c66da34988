/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/loop.h"
#include "oci/images/reader.h"

/* One request's end, as its owner sees it. */
struct told {
    struct loop *loop;
    unsigned *left; /* the loop is stopped when it is 0 */
    unsigned times;
    enum image_form form;
    char component[IMAGE_DIGEST_ROOM];
    bool wasm;
    struct fault failed;
    struct image_reader *free_it; /* freed from inside the callback */
};

struct world {
    struct loop *loop;
    struct image_reader *reader;
    char folder[64];
};

static int build(void **state)
{
    struct world *world = NEW(struct world);
    struct fault why = {0};

    memcpy(world->folder, "/tmp/skep-reader-XXXXXX", 24);
    if (!mkdtemp(world->folder) || loop_new(&world->loop, &why) < 0 ||
        image_reader_new(world->loop, world->folder, "", &world->reader, &why) < 0) {
        return -1;
    }
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = (struct world *)*state;
    char path[96];

    (void)image_reader_free(world->reader);
    loop_run(world->loop); /* ends when the child has been reaped */
    (void)loop_free(world->loop);
    (void)snprintf(path, sizeof(path), "%s/died", world->folder);
    (void)unlink(path);
    (void)rmdir(world->folder);
    free(world);
    return 0;
}

static void on_image(void *owner, struct image *image, const struct fault *failed)
{
    struct told *told = (struct told *)owner;

    told->times++;
    if (image) {
        told->form = image->form;
        memcpy(told->component, image->component, sizeof(told->component));
        told->wasm = image->wasm >= 0;
        (void)fd_close(image->wasm);
    } else {
        told->failed = *failed;
    }
    if (told->free_it) {
        (void)image_reader_free(told->free_it);
    }
    if (--*told->left == 0) {
        loop_stop(told->loop);
    }
}

/* Asks for all ids at once and waits for all answers. */
static void find(struct world *world, const char *const *ids, struct told *tolds, unsigned count)
{
    unsigned left = count;

    for (unsigned i = 0; i < count; i++) {
        tolds[i] = (struct told){.loop = world->loop, .left = &left};
        assert_non_null(image_find(world->reader, "k8s.io", ids[i], on_image, &tolds[i]));
        assert_int_equal(tolds[i].times, 0);
    }
    loop_run(world->loop);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(tolds[i].times, 1);
    }
}

static unsigned open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder)) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

static void many_requests_are_answered_each_once(void **state)
{
    struct world *world = (struct world *)*state;
    static struct told tolds[500];
    const char *ids[500];
    unsigned before;

    ids[0] = "artifact";
    find(world, ids, tolds, 1);
    before = open_descriptors();
    for (unsigned i = 0; i < 500; i++) {
        ids[i] = i % 3 == 0 ? "fail" : "artifact";
    }
    find(world, ids, tolds, 500);
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(tolds[i].failed.kind, i % 3 == 0 ? FAULT_UNSUPPORTED : FAULT_NONE);
        assert_int_equal(tolds[i].wasm, i % 3 != 0);
    }
    assert_string_equal(tolds[1].component, "sha256:c");
    assert_string_equal(tolds[0].failed.text, "this is fail");
    assert_int_equal(open_descriptors(), before);
}

static void a_child_that_dies_once_costs_nothing(void **state)
{
    static const char *const ids[] = {"artifact1", "once", "artifact2"};
    struct told tolds[3];

    find((struct world *)*state, ids, tolds, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(tolds[i].failed.kind, FAULT_NONE);
        assert_true(tolds[i].wasm);
    }
}

static void only_the_request_that_kills_fails(void **state)
{
    static const char *const ids[] = {"artifact1", "die1", "artifact2", "die2", "artifact3"};
    struct told tolds[5];

    find((struct world *)*state, ids, tolds, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(tolds[i].failed.kind, i % 2 == 0 ? FAULT_NONE : FAULT_UNAVAILABLE);
    }
    assert_string_equal(tolds[1].failed.text, "skep-images has ended with status 3, twice");
}

static void a_child_that_talks_nonsense_is_ended(void **state)
{
    static const char *const ids[] = {"garbage", "artifact", "bare"};
    struct told tolds[3];

    find((struct world *)*state, ids, tolds, 3);
    assert_string_equal(tolds[0].failed.text, "skep-images was ended by signal 9, twice");
    assert_int_equal(tolds[1].failed.kind, FAULT_NONE);
    assert_int_equal(tolds[2].failed.kind, FAULT_UNAVAILABLE);
}

static void a_file_is_handed_over(void **state)
{
    struct world *world = (struct world *)*state;
    AUTO(fd_close) int file = fs_memory("x", "x", 1);
    unsigned left = 1;
    struct told told = {.loop = world->loop, .left = &left};

    (void)image_hash(world->reader, file, on_image, &told);
    loop_run(world->loop);
    assert_true(told.wasm);
    left = 1;
    told.wasm = false;
    (void)image_hash(world->reader, -1, on_image, &told);
    loop_run(world->loop);
    assert_false(told.wasm);
    assert_string_equal(told.failed.text, "hand over the component: Bad file descriptor");
}

static void an_id_that_cannot_be_is_refused_without_asking(void **state)
{
    static const char *const ids[] = {"a/../b", "artifact"};
    struct told tolds[2];

    find((struct world *)*state, ids, tolds, 2);
    assert_string_equal(tolds[0].failed.text, "a/../b is not an id of containerd");
    assert_int_equal(tolds[1].failed.kind, FAULT_NONE);
}

static void a_forgotten_request_says_nothing(void **state)
{
    struct world *world = (struct world *)*state;
    unsigned left = 1;
    struct told forgotten = {.loop = world->loop, .left = &left};
    struct told kept = {.loop = world->loop, .left = &left};

    image_forget(image_find(world->reader, "k8s.io", "artifact", on_image, &forgotten));
    (void)image_find(world->reader, "k8s.io", "artifact", on_image, &kept);
    loop_run(world->loop);
    assert_int_equal(forgotten.times, 0);
    assert_true(kept.wasm);
}

static void the_reader_may_be_freed_by_a_callback(void **state)
{
    struct world *world = (struct world *)*state;
    unsigned left = 1;
    struct told first = {.loop = world->loop, .left = &left, .free_it = world->reader};
    struct told second = {.loop = world->loop, .left = &left};

    (void)image_find(world->reader, "k8s.io", "artifact", on_image, &first);
    (void)image_find(world->reader, "k8s.io", "artifact", on_image, &second);
    loop_run(world->loop);
    world->reader = NULL;
    assert_int_equal(first.times, 1);
    assert_int_equal(second.times, 0);
}

static void silence_ends_at_the_deadline(void **state)
{
    static const char *const ids[] = {"mute"};
    struct told tolds[1];
    uint64_t began_ns = clock_now_ns();
    uint64_t took_ms;

    find((struct world *)*state, ids, tolds, 1);
    took_ms = (clock_now_ns() - began_ns) / NS_PER_MS;
    assert_int_equal(tolds[0].failed.kind, FAULT_TIMEOUT);
    assert_true(took_ms >= 9900 && took_ms <= 12000);
}

static void a_relative_address_is_refused(void **state)
{
    struct world *world = (struct world *)*state;
    struct image_reader *reader = NULL;
    struct fault why = {0};

    assert_true(image_reader_new(world->loop, "containerd.sock", "", &reader, &why) < 0);
    assert_null(reader);
    assert_int_equal(why.kind, FAULT_INVALID);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, build, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(many_requests_are_answered_each_once),
        WITH_WORLD(a_child_that_dies_once_costs_nothing),
        WITH_WORLD(only_the_request_that_kills_fails),
        WITH_WORLD(a_child_that_talks_nonsense_is_ended),
        WITH_WORLD(a_file_is_handed_over),
        WITH_WORLD(an_id_that_cannot_be_is_refused_without_asking),
        WITH_WORLD(a_forgotten_request_says_nothing),
        WITH_WORLD(the_reader_may_be_freed_by_a_callback),
        WITH_WORLD(silence_ends_at_the_deadline),
        WITH_WORLD(a_relative_address_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
