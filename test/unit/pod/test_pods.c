/* SPDX-License-Identifier: Apache-2.0 */
/* The table of containers, the numbers that look like pids, and reservations. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/loop.h"
#include "fake_images.h"
#include "shim/pod/container.h"
#include "shim/pod/finding.h"
#include "shim/pod/pods.h"
#include "shim/pod/reservation.h"
#include "turn.h"

static struct container *admit(struct pods *pods, const char *space, const char *id)
{
    const struct pods_name name = {space, id, "/bundle"};
    struct container *container = NULL;
    struct fault why = {0};

    assert_int_equal(pods_admit(pods, &name, &container, &why), 0);
    return container;
}

static void empty(struct pods *pods)
{
    struct container *each = NULL;

    while ((each = pods_next(pods, NULL)) != NULL) {
        (void)container_free(pods_take(each));
    }
}

static void equal_ids_in_two_namespaces_are_two_containers(void **state)
{
    AUTO(pods_free) struct pods *pods = pods_new(&(struct pods_tools){NULL, NULL, NULL, NULL});
    struct container *one = admit(pods, "k8s.io", "same");
    struct container *two = admit(pods, "default", "same");

    (void)state;
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(pods_find(pods, "k8s.io", "same"), one);
    assert_ptr_equal(pods_find(pods, "default", "same"), two);
    assert_null(pods_find(pods, "moby", "same"));
    assert_int_equal(pods_count(pods), 2);
    assert_ptr_equal(pods_next(pods, NULL), two);
    empty(pods);
}

static void a_name_that_is_taken_or_absurd_is_refused(void **state)
{
    static const struct pods_name absurd[] = {
        {"", "id", "/b"},  {"ns", "", "/b"},       {"ns", "a/b", "/b"},
        {"ns", "..", "/b"}, {"ns", "id", "relative"}, {"ns", "id", ""},
    };
    AUTO(pods_free) struct pods *pods = pods_new(&(struct pods_tools){NULL, NULL, NULL, NULL});
    const struct pods_name taken = {"ns", "id", "/b"};
    struct container *other = NULL;
    struct fault why = {0};
    char endless[4096];

    (void)state;
    (void)admit(pods, "ns", "id");
    assert_true(pods_admit(pods, &taken, &other, &why) < 0);
    assert_int_equal(why.kind, FAULT_EXISTS);
    for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
        assert_true(pods_admit(pods, &absurd[i], &other, &why) < 0);
        assert_int_equal(why.kind, FAULT_INVALID);
    }
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_null(pods_find(pods, endless, endless));
    assert_int_equal(pods_count(pods), 1);
    empty(pods);
}

static void numbers_for_pids_are_above_every_process_and_unique(void **state)
{
    AUTO(pods_free) struct pods *pods = pods_new(&(struct pods_tools){NULL, NULL, NULL, NULL});
    uint32_t last = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint32_t pid = pods_pid(pods);

        assert_true(pid > PODS_PID_ABOVE && pid > last);
        last = pid;
    }
}

static void a_sandbox_is_found_by_its_number_within_its_namespace(void **state)
{
    AUTO(pods_free) struct pods *pods = pods_new(&(struct pods_tools){NULL, NULL, NULL, NULL});
    struct container *pause = admit(pods, "k8s.io", "pause");
    struct container *other = admit(pods, "k8s.io", "other");
    struct container *elsewhere = admit(pods, "a.space", "pause");

    (void)state;
    pause->is_sandbox = true;
    pause->init.pid = 5000000;
    other->init.pid = 5000001;
    elsewhere->init.pid = 5000000;
    assert_null(pods_find_sandbox(pods, "k8s.io", 5000000));
    pods_name_sandbox(elsewhere);
    pods_name_sandbox(pause);
    assert_ptr_equal(pods_find_sandbox(pods, "k8s.io", 5000000), pause);
    assert_null(pods_find_sandbox(pods, "default", 5000000));
    assert_null(pods_find_sandbox(pods, "k8s.io", 5000001));
    assert_ptr_equal(pods_find_sandbox(pods, "a.space", 5000000), elsewhere);
    (void)container_free(pods_take(elsewhere));
    assert_null(pods_find_sandbox(pods, "a.space", 5000000));
    assert_ptr_equal(pods_find_sandbox(pods, "k8s.io", 5000000), pause);
    empty(pods);
}

/* The descriptors that this process has open. */
static size_t descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder)) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

static void tell_true(void *owner)
{
    *(bool *)owner = true;
}

/* One whose image has come. */
static own struct reservation *reservation_with_image(struct loop *loop, const char *mode)
{
    struct reservation *reservation = NEW(struct reservation);
    bool came = false;

    (void)snprintf(reservation->mode, sizeof(reservation->mode), "%s", mode);
    reservation->finding = finding_new(NULL, "ns", "a");
    finding_wait(reservation->finding, tell_true, &came);
    turn_until_true(loop, &came, "the image");
    return reservation;
}

static void a_reservation_is_taken_once_and_closes_what_nobody_took(void **state)
{
    struct loop *loop = NULL;
    struct reservations *all = NULL;
    struct reservation *mine = NULL;
    struct reservation *left = NULL;
    struct fault why = {0};
    size_t before;

    (void)state;
    assert_int_equal(loop_new(&loop, &why), 0);
    fake_images_open(loop);
    all = reservations_new(loop);
    before = descriptors();
    assert_int_equal(
        reservations_put(all, "ns", "a", reservation_with_image(loop, "replaced"), &why), 0);
    mine = reservation_with_image(loop, "mine");
    left = reservation_with_image(loop, "left");
    assert_int_equal(descriptors(), before + 3);
    assert_int_equal(reservations_put(all, "ns", "a", mine, &why), 0);
    assert_int_equal(reservations_put(all, "ns", "b", left, &why), 0);
    assert_int_equal(descriptors(), before + 2);
    assert_int_equal(reservations_count(all), 2);
    assert_null(reservations_take(all, "other", "a"));
    assert_ptr_equal(reservations_take(all, "ns", "a"), mine);
    assert_string_equal(mine->mode, "mine");
    assert_null(reservations_take(all, "ns", "a"));
    assert_int_equal(reservations_count(all), 1);
    (void)reservation_free(mine);
    (void)reservations_free(all);
    assert_int_equal(descriptors(), before);
    (void)loop_free(loop);
}

static void a_finding_tells_once_and_keeps_its_image_until_it_is_taken(void **state)
{
    struct loop *loop = NULL;
    struct finding *finding = NULL;
    struct image image;
    struct fault why = {0};
    bool late = false;
    bool came = false;

    (void)state;
    assert_int_equal(loop_new(&loop, &why), 0);
    fake_images_open(loop);
    finding = finding_new(NULL, "ns", "a");
    finding_wait(finding, tell_true, &came);
    assert_false(came);
    turn_until_true(loop, &came, "the image");
    assert_null(finding_failed(finding));
    assert_int_equal(finding_form(finding), IMAGE_ARTIFACT);
    /* Whoever asks when it has come is told at once. */
    finding_wait(finding, tell_true, &late);
    assert_true(late);
    image = finding_take(finding);
    assert_true(image.wasm >= 0);
    assert_int_equal(finding_take(finding).wasm, -1);
    (void)finding_free(finding);
    assert_true(fcntl(image.wasm, F_GETFD) >= 0);
    (void)close(image.wasm);
    (void)loop_free(loop);
}

static void a_finding_that_failed_says_why_and_one_given_up_is_silent(void **state)
{
    struct loop *loop = NULL;
    struct finding *given_up = NULL;
    struct finding *failing = NULL;
    struct fault why = {0};
    bool silent = false;
    bool came = false;

    (void)state;
    assert_int_equal(loop_new(&loop, &why), 0);
    fake_images_open(loop);
    fake_image.fails = "the manifest is not there";
    given_up = finding_new(NULL, "ns", "a");
    finding_wait(given_up, tell_true, &silent);
    failing = finding_new(NULL, "ns", "b");
    finding_wait(failing, tell_true, &came);
    (void)finding_free(given_up);
    turn_until_true(loop, &came, "the image");
    assert_false(silent);
    assert_string_equal(finding_failed(failing)->text, "the manifest is not there");
    (void)finding_free(failing);
    (void)loop_free(loop);
}

static void promises_have_a_ceiling(void **state)
{
    struct loop *loop = NULL;
    struct reservations *all = NULL;
    struct reservation *more = NULL;
    struct fault why = {0};
    char id[32];

    (void)state;
    assert_int_equal(loop_new(&loop, &why), 0);
    all = reservations_new(loop);
    for (int i = 0; i < RESERVATIONS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "id%d", i);
        assert_int_equal(reservations_put(all, "ns", id, NEW(struct reservation), &why), 0);
    }
    more = NEW(struct reservation);
    assert_true(reservations_put(all, "ns", "more", more, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    (void)reservation_free(more);
    (void)reservations_free(all);
    (void)loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_ids_in_two_namespaces_are_two_containers),
        cmocka_unit_test(a_name_that_is_taken_or_absurd_is_refused),
        cmocka_unit_test(numbers_for_pids_are_above_every_process_and_unique),
        cmocka_unit_test(a_sandbox_is_found_by_its_number_within_its_namespace),
        cmocka_unit_test(a_reservation_is_taken_once_and_closes_what_nobody_took),
        cmocka_unit_test(promises_have_a_ceiling),
        cmocka_unit_test(a_finding_tells_once_and_keeps_its_image_until_it_is_taken),
        cmocka_unit_test(a_finding_that_failed_says_why_and_one_given_up_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
