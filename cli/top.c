/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep top: what each pod did within the last second. Where there is no terminal to draw on, it is
 * one table.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "cli/screen.h"
#include "cli/skepds.h"
#include "cli/table.h"
#include "cli/top_rows.h"
#include "cli/verbs.h"

enum {
    HEAD_LINES = 2,
    LINE_ROOM = 256,
    LINES_BYTES_MAX = 64 * 1024 * 1024,
    FIRST_MS = 250, /* before the second reading there is nothing to show */
};

/* All containers at one moment. */
struct reading {
    struct containers containers;
    size_t skepds;
    uint64_t at_ns;
};

struct top {
    enum top_order order;
    struct reading before;
    struct reading now;
    uint64_t next_ns;
};

static const struct {
    char key;
    enum top_order order;
    const char *words;
} orders[] = {{'c', TOP_BY_CPU, "CPU"},
              {'m', TOP_BY_MEMORY, "memory"},
              {'r', TOP_BY_REQUESTS, "requests"}};

static int reading_take(struct reading *ret, struct fault *why)
{
    AUTO(skepds_answers_fini) struct skepds_answers answers = {0};

    TRY(skepds_ask("/containers", &answers, why));
    ret->at_ns = clock_now_ns();
    ret->skepds = answers.count;
    return containers_read(&answers, &ret->containers, why);
}

/* A new reading; the last one becomes the one before. */
static int top_read(struct top *top, struct fault *why)
{
    containers_fini(&top->before.containers);
    top->before = top->now;
    top->now = (struct reading){.at_ns = 0};
    return reading_take(&top->now, why);
}

/* ---- words ---- */

static double seconds_of(const struct top *top)
{
    return (double)(top->now.at_ns - top->before.at_ns) / NS_PER_S;
}

static void put_rate(struct table *table, uint64_t count, double seconds)
{
    char word[CONTAINERS_WORD_ROOM];

    (void)snprintf(word, sizeof(word), "%.0f", (double)count / seconds);
    table_put(table, word);
}

static void put_number(struct table *table, uint64_t number)
{
    char word[CONTAINERS_WORD_ROOM];

    (void)snprintf(word, sizeof(word), "%" PRIu64, number);
    table_put(table, word);
}

static void put_quantile(struct table *table, const struct engine_latency *latency,
                         unsigned permille)
{
    char word[CONTAINERS_WORD_ROOM];
    uint64_t us = latency_quantile_us(latency, permille);

    table_put(table, us != 0 ? words_us(us, word) : "-");
}

static void put_row(struct table *table, const struct top_row *row, double seconds)
{
    char name[2 * TABLE_CELL_MAX];
    char word[CONTAINERS_WORD_ROOM];

    (void)snprintf(name, sizeof(name), "%s/%s", row->space, row->name);
    table_put(table, name);
    (void)snprintf(word, sizeof(word), "%.1f", (double)row->cpu_ns / 1e7 / seconds);
    table_put(table, word);
    table_put(table, words_bytes(row->memory_bytes, word));
    put_rate(table, row->requests, seconds);
    put_number(table, row->in_flight);
    put_quantile(table, &row->latency, 500);
    put_quantile(table, &row->latency, 990);
    put_number(table, row->instances);
    put_number(table, row->traps);
    put_number(table, row->errors);
}

/* Plain ASCII, cut to @width; 0 being any. */
static void put_line(struct buf *out, const char *line, size_t width)
{
    size_t length = strlen(line);

    buf_put(out, line, width != 0 && width < length ? width : length);
    buf_put_u8(out, '\n');
}

static void put_head(const struct top *top, const struct top_rows *rows, size_t width,
                     struct buf *out)
{
    double seconds = seconds_of(top);
    struct top_row sum = {.name = ""};
    char memory[CONTAINERS_WORD_ROOM];
    char line[LINE_ROOM];

    for (size_t i = 0; i < rows->count; i++) {
        sum.containers += rows->at[i].containers;
        sum.cpu_ns += rows->at[i].cpu_ns;
        sum.requests += rows->at[i].requests;
        sum.memory_bytes += rows->at[i].memory_bytes;
    }
    (void)snprintf(line, sizeof(line),
                   "%zu pods, %zu containers, %zu skepd: CPU %.1f %%, memory %s, %.0f requests/s",
                   rows->count, sum.containers, top->now.skepds,
                   (double)sum.cpu_ns / 1e7 / seconds, words_bytes(sum.memory_bytes, memory),
                   (double)sum.requests / seconds);
    put_line(out, line, width);
}

static void put_keys(const struct top *top, size_t width, struct buf *out)
{
    char line[LINE_ROOM];
    int length = snprintf(line, sizeof(line), "by");

    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        length += snprintf(line + length, sizeof(line) - (size_t)length, "  %c %s%s",
                           orders[i].key, orders[i].words,
                           orders[i].order == top->order ? "*" : "");
    }
    (void)snprintf(line + length, sizeof(line) - (size_t)length, "    q quit");
    put_line(out, line, width);
}

/* The view, @most rows of it, each of at most @width characters; 0 being any. */
static void view_put(const struct top *top, size_t width, size_t most, struct buf *out)
{
    static const struct table_column columns[] = {
        {"POD", false},  {"CPU%", true}, {"MEMORY", true},    {"REQ/S", true}, {"ACTIVE", true},
        {"P50", true},   {"P99", true},  {"INSTANCES", true}, {"TRAPS", true}, {"ERRORS", true}};
    AUTO(table_free) struct table *table = table_new(columns, ARRAY_SIZE(columns));
    struct top_rows rows;

    top_rows_make(&top->before.containers, &top->now.containers, top->order, &rows);
    put_head(top, &rows, width, out);
    if (width != 0) {
        put_keys(top, width, out);
    }
    for (size_t i = 0; i < rows.count && (most == 0 || i < most); i++) {
        put_row(table, &rows.at[i], seconds_of(top));
    }
    table_print(table, width, out);
    top_rows_fini(&rows);
}

/* ---- with a terminal, and without ---- */

static void draw(const struct top *top)
{
    AUTO(buf_fini) struct buf lines = BUF(LINES_BYTES_MAX);
    size_t width = 0;
    size_t height = 0;

    screen_size(&width, &height);
    view_put(top, width, height > HEAD_LINES + 1 ? height - HEAD_LINES - 1 : 1, &lines);
    screen_show(&lines);
}

/* Return: whether to go on. */
static bool obey(struct top *top, int key)
{
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        if (orders[i].key == key) {
            top->order = orders[i].order;
        }
    }
    return key != 'q' && key != SCREEN_ENDED;
}

/* Until q or a signal, which may break a reading off. */
static int live(struct top *top, struct fault *why)
{
    int key = SCREEN_TIME;

    while (obey(top, key)) {
        if (key == SCREEN_TIME) {
            top->next_ns = clock_now_ns() +
                           (top->now.at_ns == 0 ? FIRST_MS * NS_PER_MS : NS_PER_S);
            if (top_read(top, why) < 0) {
                return screen_is_ended() ? 0 : -1;
            }
        }
        if (top->before.at_ns != 0) {
            draw(top);
        }
        key = screen_key(top->next_ns);
    }
    return 0;
}

static int once(struct top *top, struct fault *why)
{
    const struct timespec second = {.tv_sec = 1};
    AUTO(buf_fini) struct buf lines = BUF(LINES_BYTES_MAX);

    TRY(top_read(top, why));
    (void)nanosleep(&second, NULL);
    TRY(top_read(top, why));
    view_put(top, 0, 0, &lines);
    TRY(buf_check(&lines, "the table", why));
    (void)fwrite(lines.data, 1, lines.length, stdout);
    return 0;
}

static int on_screen(struct top *top, struct fault *why)
{
    int done = screen_open(why);

    if (done == 0) {
        done = live(top, why);
    }
    screen_close();
    if (screen_is_ended()) {
        screen_raise();
    }
    return done;
}

static int read_wishes(int argc, char **argv, bool *ret_once, struct fault *why)
{
    static const struct option options[] = {{"once", no_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option != 'o') {
            return verb_misused("top", "an option is not known", why);
        }
        *ret_once = true;
    }
    return optind == argc ? 0 : verb_misused("top", "there are no arguments", why);
}

int verb_top(int argc, char **argv, struct fault *why)
{
    struct top top = {.order = TOP_BY_CPU};
    bool is_once = false;
    int done;

    TRY(read_wishes(argc, argv, &is_once, why));
    done = is_once || !screen_is_possible() ? once(&top, why) : on_screen(&top, why);
    containers_fini(&top.before.containers);
    containers_fini(&top.now.containers);
    return done;
}
