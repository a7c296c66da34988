/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every lie is a worker of its own under one supervisor, with a task that runs. After each, an
 * honest worker's task must go through, no process and no descriptor may be left, and what the
 * container is told must be a reason.
 */
#include <stdlib.h>
#include <sys/wait.h>

#include "test/unit/supervisor/track.h"

#define WALL "4 the broker's table"

static char lying[512];

static int set_up(void **state)
{
    const char *build = getenv("SKEP_BUILD");

    if (!build || track_set_up(state) < 0) {
        return -1;
    }
    (void)snprintf(lying, sizeof(lying), "%s/bin/lying-worker", build);
    options.worker = lying;
    track_restart();
    return 0;
}

/* Does a task of another worker still go through? */
static bool neighbour_works(void)
{
    struct track track = {0};
    bool works;

    track_new(&track, "honest", "command", "a", "exit");
    track_start(&track);
    until(&track.ended);
    works = track.end.how == RUN_EXITED && track.end.code == 7;
    track_free(&track);
    return works;
}

struct lie {
    const char *id;
    const char *words;
    unsigned end; /* enum run_how of its task */
    const char *answer;
};

static bool tell(const struct lie *lie)
{
    struct track track = {0};
    bool works;
    bool held;

    track_new(&track, lie->id, "command", "a", "wait");
    track_start(&track);
    until(&track.ended);
    works = neighbour_works();
    held = works && track.end.how == lie->end && strstr(track.end.text, lie->answer) != NULL;
    (void)printf("ATTACK\twire-%s\tcaptured worker: %s\t" WALL "\t%s%s; its neighbour %s\t%s\n",
                 lie->id, lie->words, track.end.how == RUN_LOST ? "ended: " : "its task ended ",
                 track.end.text, works ? "goes on" : "does not work", held ? "held" : "broken");
    (void)fflush(stdout);
    track_free(&track);
    return held;
}

static void no_lie_reaches_further_than_its_worker(void **state)
{
    static const struct lie lies[] = {
#define LIE(id, words, function, end, answer) {id, words, RUN_##end, answer},
#include "test/privileged/attacks/wire/lies.def"
#undef LIE
    };
    size_t before;
    int broken = 0;

    (void)state;
    assert_true(neighbour_works());
    before = open_descriptors();
    for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
        broken += tell(&lies[i]) ? 0 : 1;
    }
    for (int i = 0; i < 500 && open_descriptors() > before; i++) {
        turn(); /* the last of a worker goes with its process */
    }
(void)printf("ATTACK\twire-leak\tall of these\t" WALL "\t%zu descriptors before, %zu after\t%s\n",
                 before, open_descriptors(), open_descriptors() <= before ? "held" : "broken");
    assert_int_equal(broken, 0);
    assert_true(open_descriptors() <= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_lie_reaches_further_than_its_worker, set_up,
                                        track_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
