/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of one pod that are linked to each other. */
#include "track.h"

static const struct track vault = {.pod = "pod", .title = "vault"};
static const struct track app = {.pod = "pod", .title = "app"};

static void provider(struct track *track)
{
    track_new(track, "one", "gives", track->title, "secrets");
    track_provide(track);
    assert_int_equal(track->kind, RUN_LIBRARY);
}

static void text_of(int fd, char ret[TRACK_TEXT])
{
    ssize_t got = read(fd, ret, TRACK_TEXT - 1);

    assert_true(got >= 0);
    ret[got] = '\0';
}

static void a_consumer_is_linked_with_the_provider_of_its_pod(void **state)
{
    struct track one = vault;
    struct track two = app;
    char text[TRACK_TEXT];

    (void)state;
    provider(&one);
    track_new(&two, "one", "needs", "app", "parts");
    track_start(&two);
    until(&two.ended);
    assert_true(two.started);
    assert_int_equal(two.end.how, RUN_EXITED);
    assert_int_equal(two.end.code, 1);
    output_of(&one, text);
    assert_string_equal(text, "vault: secrets 0\n");
    assert_false(one.ended);
    track_free(&two);
    track_free(&one);
}

static void several_are_linked_with_one(void **state)
{
    struct track one = vault;
    char text[TRACK_TEXT];

    (void)state;
    provider(&one);
    for (int i = 0; i < 3; i++) {
        struct track two = app;

        track_new(&two, "one", "needs", "app", "parts");
        track_start(&two);
        until(&two.ended);
        assert_int_equal(two.end.code, 1);
        output_of(&one, text);
        assert_string_equal(text, "vault: secrets 0\n");
        track_free(&two);
    }
    track_free(&one);
}

static void a_consumer_that_is_first_waits_and_says_so(void **state)
{
    struct track one = vault;
    struct track two = app;
    char text[TRACK_TEXT];

    (void)state;
    track_new(&two, "one", "needs", "app", "parts");
    track_start(&two);
    until(&two.started);
    turn();
    assert_false(two.ended);
    text_of(two.error, text);
    assert_non_null(strstr(text, "skep: waits to be linked: "));
    assert_non_null(strstr(text, LINKED));
    provider(&one);
    until(&two.ended);
    assert_int_equal(two.end.how, RUN_EXITED);
    assert_int_equal(two.end.code, 1);
    track_free(&two);
    track_free(&one);
}

static void it_does_not_wait_for_ever(void **state)
{
    struct track other = vault;
    struct track two = app;

    (void)state;
    other.pod = "another pod";
    provider(&other);
    two.grant.link_wait_ns = 50000000;
    track_new(&two, "one", "needs", "app", "parts");
    track_start(&two);
    until(&two.ended);
    assert_int_equal(two.end.how, RUN_FAILED);
    assert_int_equal(two.end.code, 128);
    assert_non_null(strstr(two.end.text, LINKED));
    assert_non_null(strstr(two.end.text, "app"));
    track_free(&two);
    track_free(&other);
}

static void one_that_waits_can_be_ended(void **state)
{
    (void)state;
    for (int is_killed = 0; is_killed < 2; is_killed++) {
        struct track two = app;

        track_new(&two, "one", "needs", "app", "parts");
        track_start(&two);
        until(&two.started);
        turn();
        if (is_killed) {
            run_kill(two.run);
        } else {
            run_drain(two.run, 0);
        }
        until(&two.ended);
        assert_int_equal(two.end.how, is_killed ? RUN_KILLED : RUN_STOPPED);
        assert_int_equal(two.end.code, is_killed ? 137 : 143);
        track_free(&two);
    }
}

static void one_that_waits_can_be_freed(void **state)
{
    struct track one = vault;
    struct track two = app;

    (void)state;
    track_new(&two, "one", "needs", "app", "parts");
    track_start(&two);
    until(&two.started);
    turn();
    track_free(&two);
    provider(&one);
    two = app;
    track_new(&two, "one", "needs", "app", "parts");
    track_start(&two);
    until(&two.started);
    track_free(&two); /* while it is being composed */
    turn();
    track_free(&one);
}

static void a_provider_that_was_taken_back_is_linked_no_more(void **state)
{
    struct track one = vault;
    struct track two = app;
    struct track three = app;

    (void)state;
    provider(&one);
    track_new(&two, "one", "needs", "app", "wait");
    track_start(&two);
    while (!two.started) {
        turn();
    }
    for (int i = 0; i < 10; i++) {
        turn();
    }
    run_kill(one.run);
    turn();
    assert_false(two.ended); /* it keeps what it has */
    three.grant.link_wait_ns = 50000000;
    track_new(&three, "one", "needs", "app", "parts");
    track_start(&three);
    until(&three.ended);
    assert_int_equal(three.end.how, RUN_FAILED);
    run_kill(two.run);
    until(&two.ended);
    track_free(&three);
    track_free(&two);
    track_free(&one);
}

static void two_that_provide_the_same_are_refused(void **state)
{
    struct track one = vault;
    struct track more = vault;
    struct track two = app;

    (void)state;
    more.title = "safe";
    provider(&one);
    provider(&more);
    two.grant.link_wait_ns = 50000000;
    track_new(&two, "one", "needs", "app", "parts");
    track_start(&two);
    until(&two.ended);
    assert_int_equal(two.end.how, RUN_FAILED);
    assert_non_null(strstr(two.end.text, "vault"));
    assert_non_null(strstr(two.end.text, "safe"));
    track_free(&two);
    track_free(&more);
    track_free(&one);
}

static void a_library_without_a_pod_is_as_it_was(void **state)
{
    struct track one = {0};
    struct run_stdio none = {-1, -1, -1};

    (void)state;
    track_new(&one, "one", "library", "alone", "");
    until(&one.ready);
    assert_int_equal(one.kind, RUN_LIBRARY);
    assert_true(run_provide(one.run, &none, &why) < 0);
    track_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_consumer_is_linked_with_the_provider_of_its_pod,
                                        track_set_up, track_tear_down),
        cmocka_unit_test_setup_teardown(several_are_linked_with_one, track_set_up,
                                        track_tear_down),
        cmocka_unit_test_setup_teardown(a_consumer_that_is_first_waits_and_says_so, track_set_up,
                                        track_tear_down),
        cmocka_unit_test_setup_teardown(it_does_not_wait_for_ever, track_set_up, track_tear_down),
        cmocka_unit_test_setup_teardown(one_that_waits_can_be_ended, track_set_up,
                                        track_tear_down),
        cmocka_unit_test_setup_teardown(one_that_waits_can_be_freed, track_set_up,
                                        track_tear_down),
        cmocka_unit_test_setup_teardown(a_provider_that_was_taken_back_is_linked_no_more,
                                        track_set_up, track_tear_down),
        cmocka_unit_test_setup_teardown(two_that_provide_the_same_are_refused, track_set_up,
                                        track_tear_down),
        cmocka_unit_test_setup_teardown(a_library_without_a_pod_is_as_it_was, track_set_up,
                                        track_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
