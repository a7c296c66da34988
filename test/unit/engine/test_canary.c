/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canary: a hundred thousand instances of components that take turns in few places. Each looks
 * at all of its memory, tables and globals for anything but what was declared, then leaves its
 * own pattern everywhere. For each way of resetting that an engine may choose.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

enum { INSTANCES = 100000, PLACES = 24, AT_ONCE = 12, KINDS = 4 };

static const char *const kinds[KINDS] = {"canary-small", "canary-wide", "canary-two",
                                         "canary-module"};

/* Of the engine with its test hooks. */
void engine_test_without_scan(bool without);

struct place {
    struct aviary *aviary;
    struct engine_task *task;
    bool is_taken;
};

struct aviary {
    struct engine *engine;
    struct engine_component *components[KINDS];
    atomic_bool is_slower; /* the engine said that it resets the slower way */
    pthread_mutex_t lock;  /* guards all below */
    pthread_cond_t freed;
    struct place places[AT_ONCE];
    unsigned ended;
    unsigned wrong;
    struct engine_exit first_wrong;
};

static void on_line(void *owner, enum engine_log_level level, const char *text)
{
    struct aviary *aviary = owner;

    (void)level;
    if (strstr(text, "reset the slower way")) {
        atomic_store(&aviary->is_slower, true);
    }
}

static void on_end(void *owner, const struct engine_exit *end)
{
    struct place *place = owner;
    struct aviary *aviary = place->aviary;

    (void)pthread_mutex_lock(&aviary->lock);
    if (end->how != ENGINE_EXITED || end->code != 0) {
        aviary->first_wrong = aviary->wrong == 0 ? *end : aviary->first_wrong;
        aviary->wrong++;
    }
    aviary->ended++;
    place->is_taken = false;
    (void)pthread_cond_signal(&aviary->freed);
    (void)pthread_mutex_unlock(&aviary->lock);
}

static struct engine_component *load(struct engine *engine, const char *name)
{
    struct engine_component *component = NULL;
    struct engine_component_info info;
    struct engine_why why = {0};
    int cwasm = house_cwasm(name);

    if (engine_component_load(engine, cwasm, &info, &component, &why) < 0) {
        fail_msg("load %s: %s", name, why.text);
    }
    (void)close(cwasm);
    return component;
}

static void aviary_open(struct aviary *aviary, bool without_scan)
{
    const struct engine_options options = {
        .threads = 2, .instances = PLACES, .log = on_line, .log_owner = aviary};
    struct engine_why why = {0};

    memset(aviary, 0, sizeof(*aviary));
    assert_int_equal(pthread_mutex_init(&aviary->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&aviary->freed, NULL), 0);
    engine_test_without_scan(without_scan);
    if (engine_new(&options, &aviary->engine, &why) < 0) {
        fail_msg("no engine: %s", why.text);
    }
    for (size_t i = 0; i < KINDS; i++) {
        aviary->components[i] = load(aviary->engine, kinds[i]);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        aviary->places[i].aviary = aviary;
    }
}

static void aviary_close(struct aviary *aviary)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        aviary->places[i].task = engine_task_free(aviary->places[i].task);
    }
    for (size_t i = 0; i < KINDS; i++) {
        aviary->components[i] = engine_component_free(aviary->components[i]);
    }
    aviary->engine = engine_free(aviary->engine);
    (void)pthread_cond_destroy(&aviary->freed);
    (void)pthread_mutex_destroy(&aviary->lock);
}

/* A place that nobody is in; waits until there is one. */
static struct place *take_place(struct aviary *aviary)
{
    struct place *place = NULL;

    (void)pthread_mutex_lock(&aviary->lock);
    while (!place) {
        for (size_t i = 0; i < AT_ONCE && !place; i++) {
            place = aviary->places[i].is_taken ? NULL : &aviary->places[i];
        }
        if (!place) {
            (void)pthread_cond_wait(&aviary->freed, &aviary->lock);
        }
    }
    place->is_taken = true;
    (void)pthread_mutex_unlock(&aviary->lock);
    place->task = engine_task_free(place->task);
    return place;
}

static void start(struct aviary *aviary, struct engine_component *component)
{
    const struct engine_grant grant = {.input = -1, .output = -1, .error = -1, .listener = -1};
    struct place *place = take_place(aviary);
    const struct engine_watcher watcher = {.on_exit = on_end, .owner = place};
    struct engine_why why = {0};

    if (engine_task_start(component, &grant, &watcher, &place->task, &why) < 0) {
        fail_msg("start: %s", why.text);
    }
}

static void wait_for(struct aviary *aviary, unsigned count)
{
    (void)pthread_mutex_lock(&aviary->lock);
    while (aviary->ended < count) {
        (void)pthread_cond_wait(&aviary->freed, &aviary->lock);
    }
    (void)pthread_mutex_unlock(&aviary->lock);
}

static void let_fly(bool without_scan)
{
    const uint64_t began = house_now_ns();
    struct aviary aviary;

    aviary_open(&aviary, without_scan);
    assert_int_equal(atomic_load(&aviary.is_slower), without_scan);
    for (unsigned i = 0; i < INSTANCES; i++) {
        /* Not round by round: each kind comes after each other one in the same place. */
        start(&aviary, aviary.components[(i ^ (i >> 2) ^ (i >> 5)) % KINDS]);
    }
    wait_for(&aviary, INSTANCES);
    if (aviary.wrong != 0) {
        fail_msg("%u of %u instances saw what was not theirs, the first: ended by %d with %d: %s",
                 aviary.wrong, aviary.ended, aviary.first_wrong.how, aviary.first_wrong.code,
                 aviary.first_wrong.text);
    }
    print_message("%d instances of %d components in %d places, %s the scan: %.1f s\n", INSTANCES,
                  KINDS, PLACES, without_scan ? "without" : "with",
                  (double)(house_now_ns() - began) / 1e9);
    aviary_close(&aviary);
}

static void nobody_sees_what_another_left_where_written_pages_are_scanned(void **state)
{
    (void)state;
    let_fly(false);
}

static void nobody_sees_what_another_left_where_they_are_not(void **state)
{
    (void)state;
    let_fly(true);
}

static void what_is_left_would_be_seen(void **state)
{
    struct aviary aviary;
    struct engine_component *stale = NULL;

    (void)state;
    aviary_open(&aviary, false);
    stale = load(aviary.engine, "canary-stale");
    start(&aviary, stale);
    wait_for(&aviary, 1);
    assert_int_equal(aviary.wrong, 1);
    assert_int_equal(aviary.first_wrong.how, ENGINE_EXITED);
    assert_int_equal(aviary.first_wrong.code, 1);
    stale = engine_component_free(stale);
    aviary_close(&aviary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_would_be_seen),
        cmocka_unit_test(nobody_sees_what_another_left_where_written_pages_are_scanned),
        cmocka_unit_test(nobody_sees_what_another_left_where_they_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
