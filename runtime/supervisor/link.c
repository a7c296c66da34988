/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each time that a provider comes or goes everything is planned anew, so the outcome depends on who
 * is there and not on the order of coming. What a container imports is known from its own
 * description; what the composition is called, from the digests of its parts and its recipe.
 */
#include "runtime/supervisor/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/loop.h"
#include "runtime/broker/folder.h"
#include "runtime/compose/plan.h"
#include "runtime/compose/recipe.h"
#include "runtime/supervisor/run_inside.h"

/* All that may become a part: the run itself first. */
struct scene {
    struct plan_candidate candidates[PLAN_CANDIDATES_MAX];
    struct run *runs[PLAN_CANDIDATES_MAX];
    size_t count;
};

static void scene_add(struct scene *scene, struct run *run)
{
    const struct description *description = component_description(run->single);

    scene->runs[scene->count] = run;
    scene->candidates[scene->count++] = (struct plan_candidate){.name = run->title,
                                                                .tier = PLAN_CONTAINER,
                                                                .digest = run->digest,
                                                                .imports = description->imports,
                                                                .exports = description->exports,
                                                                .unknown = description->unknown,
                                                                .hints = description->hints};
}

static void scene_fill(struct scene *scene, struct run *run)
{
    const struct kin_place *own_place = &run->link.place;
    struct kin_place *place = kin_provider(own_place, NULL);

    scene_add(scene, run);
    for (; place && scene->count < PLAN_CANDIDATES_MAX; place = kin_provider(own_place, place)) {
        scene_add(scene, place->run);
    }
}

/* A line of ours where the container's own lines go; lost where nobody takes it now. */
void link_say(const struct run *run, const char *what, const char *text)
{
    char line[FAULT_TEXT_MAX + 64];
    int length = snprintf(line, sizeof(line), "skep: %s: %s\n", what, text);

    if (run->stdio.err >= 0 && length > 0) {
        ssize_t written = write(run->stdio.err, line,
                                (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
        (void)written;
    }
}

static void on_deadline(void *owner)
{
    struct run *run = (struct run *)owner;
    struct fault open = run->link.open;

    run_fail(run, &open);
}

/* It waits for what is missing, until its time is over. */
static void link_wait(struct run *run, const struct fault *open)
{
    struct link *link = &run->link;

    link->open = *open;
    link->place.wake = &run->later;
    if (!link->deadline) {
        link->deadline = loop_timer_new(run->supervisor->loop, on_deadline, run);
        loop_timer_set(link->deadline, run->link_wait_ns);
    }
    if (!link->is_told) {
        link->is_told = true;
        link_say(run, "waits to be linked", open->text);
    }
}

static void on_composed(void *owner, struct component *component, const struct fault *failed)
{
    struct run *run = (struct run *)owner;

    if (failed) {
        run_fail(run, failed);
        return;
    }
    run->component = component_ref(component);
    run_load(run);
}

static void parts_keep(struct link *link, const struct plan *plan, const struct scene *scene)
{
    free(link->parts);
    link->parts = NEW_ARRAY(plan->count, struct run *);
    link->parts_count = plan->count - 1;
    for (size_t i = 1; i < plan->count; i++) {
        link->parts[i - 1] = scene->runs[plan->parts[i]];
    }
}

static int compose(struct run *run, const struct plan *plan, const struct scene *scene,
                   const struct plan_scene *drawn, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(RECIPE_MAX);
    AUTO(fd_close) int recipe = -1;
    char digest[DIGEST_HEX_ROOM];
    int parts[PLAN_PARTS_MAX];
    struct composition composition = {.digest = digest, .parts = parts, .count = plan->count};

    recipe_print(plan, drawn, &bytes);
    TRY(buf_check(&bytes, "the recipe of a composition", why));
    digest_bytes(bytes.data, bytes.length, digest);
    recipe = fs_memory("recipe", bytes.data, bytes.length);
    if (recipe < 0) {
        return fault_sys(why, recipe, "make room for a recipe");
    }
    for (size_t i = 0; i < plan->count; i++) {
        parts[i] = scene->runs[plan->parts[i]]->plan.wasm;
    }
    composition.recipe = recipe;
    run->link.wait = (struct component_wait){.fn = on_composed, .owner = run};
    compiler_compose(run->supervisor->compiler, &composition, &run->link.wait);
    return 0;
}

void link_try(struct run *run)
{
    AUTO(memory_free) struct scene *scene = NEW(struct scene);
    struct plan_scene drawn = {.candidates = scene->candidates};
    AUTO(plan_free) struct plan *plan = NULL;
    struct fault why = {0};

    component_forget(&run->link.wait);
    scene_fill(scene, run);
    drawn.count = scene->count;
    if (plan_make(&drawn, 0, &plan, &why) < 0) {
        link_wait(run, &why);
        return;
    }
    run->link.deadline = loop_timer_free(run->link.deadline);
    run->link.place.wake = &run->later; /* until it is started, whoever comes or goes counts */
    parts_keep(&run->link, plan, scene);
    if (compose(run, plan, scene, &drawn, &why) < 0) {
        run_fail(run, &why);
    }
}

own struct worker_task_grant *link_grants(const struct run *run)
{
    const struct link *link = &run->link;
    struct worker_task_grant *grants = NEW_ARRAY(link->parts_count + 1, struct worker_task_grant);

    for (size_t i = 0; i < link->parts_count; i++) {
        grants[i] = run_grant(link->parts[i]);
        grants[i].listener = -1;
        grants[i].name = link->parts[i]->title;
    }
    return grants;
}

void link_grants_free(own struct worker_task_grant *grants, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run_grant_fini(&grants[i]);
    }
    free(grants);
}

void link_end(struct run *run)
{
    struct link *link = &run->link;

    kin_leave(&link->place);
    component_forget(&link->wait);
    link->deadline = loop_timer_free(link->deadline);
    free(link->parts);
    link->parts = NULL;
    link->parts_count = 0;
}
