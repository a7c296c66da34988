/* SPDX-License-Identifier: Apache-2.0 */
/* What skep top makes of two readings, and how tables and words come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/text.h"
#include "cli/containers.h"
#include "cli/skepds.h"
#include "cli/table.h"
#include "cli/top_rows.h"

/* A reading from lines as daemons write them, one daemon "d". */
static struct containers reading(const char *lines)
{
    struct skepds_answer answer = {.name = COPY_TEXT("d"), .body = BUF(65536)};
    struct skepds_answers answers = {.at = &answer, .count = 1};
    struct containers containers;
    struct fault why = {0};

    buf_put(&answer.body, lines, strlen(lines));
    if (containers_read(&answers, &containers, &why) < 0) {
        fail_msg("%s", why.text);
    }
    free(answer.name);
    buf_fini(&answer.body);
    return containers;
}

#define POD(id, pod, started, cpu, requests, bucket)                                              \
    "{\"containerd_namespace\":\"k\",\"id\":\"" id "\",\"namespace\":\"n\",\"pod\":\"" pod          \
    "\",\"kind\":\"server\",\"state\":\"running\",\"started_ms\":" #started                         \
    ",\"counters\":{\"cpu_ns\":" #cpu ",\"memory_bytes\":10,\"requests\":" #requests               \
    "},\"latency\":{\"sum_ns\":1,\"buckets\":[[3," #bucket "]]}}\n"

static void a_row_is_what_a_pod_did_between_two_readings(void **state)
{
    AUTO(containers_fini) struct containers before =
        reading(POD("a", "one", 1, 100, 5, 5) POD("b", "two", 1, 50, 1, 1)
                    POD("c", "one", 1, 7, 0, 0) POD("gone", "one", 1, 9000, 90, 90));
    AUTO(containers_fini) struct containers now =
        reading(POD("a", "one", 1, 130, 9, 9) POD("b", "two", 2, 40, 3, 3)
                    POD("c", "one", 1, 8, 0, 0) POD("new", "three", 1, 20, 6, 6));
    struct top_rows rows;

    (void)state;
    top_rows_make(&before, &now, TOP_BY_CPU, &rows);
    assert_int_equal(rows.count, 3);
    /* Started anew, it began at 0. */
    assert_string_equal(rows.at[0].name, "two");
    assert_int_equal(rows.at[0].cpu_ns, 40);
    assert_int_equal(rows.at[0].requests, 3);
    /* Two containers, one difference each. */
    assert_string_equal(rows.at[1].name, "one");
    assert_int_equal(rows.at[1].containers, 2);
    assert_int_equal(rows.at[1].cpu_ns, 31);
    assert_int_equal(rows.at[1].requests, 4);
    assert_int_equal(rows.at[1].memory_bytes, 20);
    assert_int_equal(rows.at[1].latency.buckets[3], 4);
    /* New since then. */
    assert_string_equal(rows.at[2].name, "three");
    assert_int_equal(rows.at[2].cpu_ns, 20);
    top_rows_fini(&rows);
    top_rows_make(&before, &now, TOP_BY_REQUESTS, &rows);
    assert_string_equal(rows.at[0].name, "three");
    top_rows_fini(&rows);
    /* As much each but for "one": then by name. */
    top_rows_make(&before, &now, TOP_BY_MEMORY, &rows);
    assert_string_equal(rows.at[0].name, "one");
    assert_string_equal(rows.at[1].name, "three");
    assert_string_equal(rows.at[2].name, "two");
    top_rows_fini(&rows);
}

static void containers_without_a_pod_are_rows_and_sandboxes_are_none(void **state)
{
    AUTO(containers_fini) struct containers before = {.at = NULL};
    AUTO(containers_fini) struct containers now =
        reading("{\"containerd_namespace\":\"k\",\"id\":\"x\",\"kind\":\"command\"}\n"
                "{\"containerd_namespace\":\"k\",\"id\":\"y\",\"kind\":\"pause\",\"pod\":\"p\"}\n");
    struct top_rows rows;

    (void)state;
    top_rows_make(&before, &now, TOP_BY_CPU, &rows);
    assert_int_equal(rows.count, 1);
    assert_string_equal(rows.at[0].space, "k");
    assert_string_equal(rows.at[0].name, "x");
    top_rows_fini(&rows);
}

static void tables_are_as_wide_as_their_cells(void **state)
{
    static const struct table_column columns[] = {{"NAME", false}, {"N", true}};
    AUTO(table_free) struct table *table = table_new(columns, ARRAY_SIZE(columns));
    AUTO(buf_fini) struct buf out = BUF(4096);

    (void)state;
    table_put(table, "größer");
    table_put(table, "7");
    table_put(table, "a");
    table_put(table, "123");
    table_print(table, 0, &out);
    buf_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, "NAME      N\ngrößer    7\na       123\n");
    out.length = 0;
    table_print(table, 4, &out);
    buf_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, "NAME\ngröß\na   \n");
}

static void numbers_have_few_characters(void **state)
{
    char word[CONTAINERS_WORD_ROOM];

    (void)state;
    assert_string_equal(words_bytes(0, word), "0 B");
    assert_string_equal(words_bytes(65536, word), "64 KiB");
    assert_string_equal(words_bytes(UINT64_C(5) << 29, word), "2.50 GiB");
    assert_string_equal(words_us(40, word), "40 us");
    assert_string_equal(words_us(1500, word), "1.5 ms");
    assert_string_equal(words_us(67108864, word), "67 s");
    assert_string_equal(words_age(119, word), "119s");
    assert_string_equal(words_age(3 * 86400, word), "3d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_what_a_pod_did_between_two_readings),
        cmocka_unit_test(containers_without_a_pod_are_rows_and_sandboxes_are_none),
        cmocka_unit_test(tables_are_as_wide_as_their_cells),
        cmocka_unit_test(numbers_have_few_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
