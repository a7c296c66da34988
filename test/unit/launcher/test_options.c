/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "shim/launcher/options.h"
#include "shim/launcher/wire.h"

static void read_words(const char *const *words, struct options *ret)
{
    int count = 0;

    while (words[count]) {
        count++;
    }
    options_read(count, (char **)(uintptr_t)words, ret);
}

static void the_words_of_every_containerd_are_understood(void **state)
{
    static const char *const words[] = {"shim", "-namespace", "k8s.io", "-address", "/run/c.sock",
                                        "-publish-binary", "/usr/bin/containerd", "-id", "a1",
                                        "-bundle", "/b", "-debug", "delete", NULL};
    struct options options;

    (void)state;
    read_words(words, &options);
    assert_string_equal(options.namespace_id, "k8s.io");
    assert_string_equal(options.address, "/run/c.sock");
    assert_string_equal(options.id, "a1");
    assert_string_equal(options.bundle, "/b");
    assert_string_equal(options.publisher, "/usr/bin/containerd");
    assert_string_equal(options.action, "delete");
    assert_true(options.debug);
}

static void unknown_flags_of_the_future_do_no_harm(void **state)
{
    static const char *const words[] = {"shim", "--namespace=n", "-tomorrow", "value", "-switch",
                                        "--id", "start", "-v=false", "start", NULL};
    struct options options;

    (void)state;
    read_words(words, &options);
    assert_string_equal(options.namespace_id, "n");
    assert_string_equal(options.id, "start");
    assert_string_equal(options.action, "start");
    assert_false(options.version);
}

static void a_delete_response_has_the_bytes_of_the_contract(void **state)
{
    struct wire_deleted deleted = {.status = 137};
    uint8_t bytes[WIRE_DELETED_MAX];

    (void)state;
    wire_read_deleted("5 7 1 2", &deleted);
    assert_int_equal(wire_print_deleted(&deleted, bytes), 10);
    assert_memory_equal(bytes, "\x08\x05\x10\x07\x1a\x04\x08\x01\x10\x02", 10);
    wire_read_deleted("5 x", &deleted);
    assert_int_equal(deleted.pid, 5);
}

static void a_shutdown_frame_counts_its_own_bytes(void **state)
{
    uint8_t frame[WIRE_SHUTDOWN_MAX];
    size_t length = wire_print_shutdown("v3", "k8s.io", "a1", frame);

    (void)state;
    assert_int_equal(frame[2] << 8 | frame[3], (int)length - 10);
    assert_int_equal(frame[7], 1);
    assert_int_equal(frame[8], 1);
    assert_memory_equal(frame + 10, "\x0a\x17" "containerd.task.v3.Task\x12\x08Shutdown\x1a\x04\x0a\x02" "a1", 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_every_containerd_are_understood),
        cmocka_unit_test(unknown_flags_of_the_future_do_no_harm),
        cmocka_unit_test(a_delete_response_has_the_bytes_of_the_contract),
        cmocka_unit_test(a_shutdown_frame_counts_its_own_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
