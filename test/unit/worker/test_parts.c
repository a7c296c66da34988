/* SPDX-License-Identifier: Apache-2.0 */
/* Compositions: the parts that were told before a START. */
#include "test/unit/worker/scene.h"

static void tell(struct scene *scene, uint64_t task, const char *name, int output)
{
    struct message part = {.kind = MESSAGE_PART,
                           .part = {.task = task,
                                    .folders = 1,
                                    .network = 9,
                                    .present = output >= 0 ? MESSAGE_STDOUT : 0}};
    int fds[3] = {grant_memory("of the part", 1), output, -1};
    size_t count = output >= 0 ? 2 : 1;

    fds[count++] = open("/", O_PATH | O_CLOEXEC);
    message_set_text(part.part.name, sizeof(part.part.name), name);
    scene_send(scene, &part, fds, count);
}

static void start(struct scene *scene, uint64_t task, uint32_t parts)
{
    struct message message = {.kind = MESSAGE_START,
                              .start = {.task = task, .component = 1, .parts = parts}};
    int memory = grant_memory("parts", 0);

    scene_send(scene, &message, &memory, 1);
}

static void each_part_reaches_the_engine_with_what_is_its_own(void **state)
{
    struct scene scene;
    char bytes[64] = "";
    int out[2];

    (void)state;
    scene_ready(&scene);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    tell(&scene, 7, "vault", out[1]);
    tell(&scene, 8, "of another task", -1);
    tell(&scene, 7, "meter", -1);
    start(&scene, 7, 2);
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.task, 7);
    assert_int_equal(scene.last.exited.code, 2);
    assert_true(read(out[0], bytes, sizeof(bytes) - 1) > 0);
    assert_string_equal(bytes, "vault of the part 9\n");
    assert_int_equal(read(out[0], bytes, sizeof(bytes)), 0);
    (void)fd_close(out[0]);
    scene_end(&scene);
}

static void a_start_without_all_of_its_parts_is_refused(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    tell(&scene, 7, "vault", -1);
    start(&scene, 7, 2);
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_string_equal(scene.last.started.text, "it has 2 parts, and 1 were told");
    /* They are forgotten with it. */
    start(&scene, 7, 1);
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_string_equal(scene.last.started.text, "it has 1 parts, and 0 were told");
    scene_end(&scene);
}

static void a_kill_forgets_what_was_told(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    tell(&scene, 7, "vault", -1);
    scene_ask(&scene, MESSAGE_KILL, 7);
    start(&scene, 7, 0);
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.code, 0);
    scene_end(&scene);
}

static void a_part_too_many_is_dropped_and_its_start_refused(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    for (int i = 0; i <= MESSAGE_PARTS_MAX; i++) {
        tell(&scene, 7, "vault", -1);
    }
    scene_await(&scene, MESSAGE_LOG, 1);
    assert_string_equal(scene.last.log.text,
                        "a composition has at most 63 parts besides its entry");
    start(&scene, 7, MESSAGE_PARTS_MAX);
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.code, MESSAGE_PARTS_MAX);
    scene_end(&scene);
}

static void the_grant_of_a_part_may_be_garbage(void **state)
{
    struct message part = {.kind = MESSAGE_PART, .part = {.task = 7}};
    struct scene scene;
    int memory = fs_memory("grant", "\x07", 1);

    (void)state;
    scene_ready(&scene);
    scene_send(&scene, &part, &memory, 1);
    start(&scene, 7, 1);
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_string_equal(scene.last.started.text,
                        "an encoded grant: its version is short or out of bounds");
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_reaches_the_engine_with_what_is_its_own),
        cmocka_unit_test(a_start_without_all_of_its_parts_is_refused),
        cmocka_unit_test(a_kill_forgets_what_was_told),
        cmocka_unit_test(a_part_too_many_is_dropped_and_its_start_refused),
        cmocka_unit_test(the_grant_of_a_part_may_be_garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
