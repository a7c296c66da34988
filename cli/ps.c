/* SPDX-License-Identifier: Apache-2.0 */
/* skep ps: the containers of all daemons of this node. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/containers.h"
#include "cli/skepds.h"
#include "cli/table.h"
#include "cli/verbs.h"

/* Ids of Kubernetes have 64 digits, of which 13 are shown, as crictl does. */
enum { ID_LONG = 64, ID_SHORT = 13 };

struct wishes {
    bool all;
    bool json;
};

static int read_wishes(int argc, char **argv, struct wishes *ret, struct fault *why)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "a", options, NULL)) >= 0) {
        if (option == 'a') {
            ret->all = true;
        } else if (option == 'j') {
            ret->json = true;
        } else {
            return verb_misused("ps", "an option is not known", why);
        }
    }
    return optind == argc ? 0 : verb_misused("ps", "there are no arguments", why);
}

static void put_row(struct table *table, const struct listed *listed, uint64_t now_ms)
{
    char word[CONTAINERS_WORD_ROOM];
    char id[TABLE_CELL_MAX + 1];
    char pod[2 * TABLE_CELL_MAX];

    (void)snprintf(id, sizeof(id), "%.*s",
                   strlen(listed->id) >= ID_LONG ? ID_SHORT : TABLE_CELL_MAX, listed->id);
    (void)snprintf(pod, sizeof(pod), "%s%s%s", listed->pod_namespace,
                   listed->pod[0] != '\0' ? "/" : "-", listed->pod);
    table_put(table, id);
    table_put(table, listed->space);
    table_put(table, pod);
    table_put(table, listed->name[0] != '\0' ? listed->name : "-");
    table_put(table, listed->kind);
    table_put(table, listed->state);
    table_put(table, listed->started_ms == 0 || listed->started_ms > now_ms
                         ? "-"
                         : words_age((now_ms - listed->started_ms) / 1000, word));
    table_put(table, words_bytes(listed->counters.memory_bytes, word));
    (void)snprintf(word, sizeof(word), "%" PRIu64, listed->counters.requests);
    table_put(table, strcmp(listed->kind, "server") == 0 ? word : "-");
}

static int print_table(const struct skepds_answers *answers, bool all, struct fault *why)
{
    static const struct table_column columns[] = {
        {"ID", false},    {"NAMESPACE", false}, {"POD", false}, {"CONTAINER", false},
        {"KIND", false},  {"STATE", false},     {"AGE", true},  {"MEMORY", true},
        {"REQUESTS", true}};
    AUTO(containers_fini) struct containers containers = {.at = NULL};
    AUTO(table_free) struct table *table = table_new(columns, ARRAY_SIZE(columns));
    AUTO(buf_fini) struct buf out = BUF(SKEPDS_ANSWER_BYTES_MAX);
    struct wall_time now = clock_wall();

    TRY(containers_read(answers, &containers, why));
    for (size_t i = 0; i < containers.count; i++) {
        if (all || !containers.at[i].is_pause) {
            put_row(table, &containers.at[i],
                    (uint64_t)now.seconds * 1000 + (uint64_t)now.nanos / 1000000);
        }
    }
    table_print(table, 0, &out);
    TRY(buf_check(&out, "the table", why));
    (void)fwrite(out.data, 1, out.length, stdout);
    return 0;
}

/* A daemon's lines, each with the daemon's name as its first member. */
static void print_lines(const struct skepds_answer *answer, bool all, const char **separator)
{
    const char *at = (const char *)answer->body.data;
    size_t left = answer->body.length;

    while (left > 0) {
        const char *end = memchr(at, '\n', left);
        size_t length = end ? (size_t)(end - at) : left;

        if (length > 1 && (all || !memmem(at, length, "\"kind\":\"pause\"", 14))) {
            (void)printf("%s{\"skepd\":\"%s\",%.*s", *separator, answer->name, (int)length - 1,
                         at + 1);
            *separator = ",\n ";
        }
        at += length + (end ? 1 : 0);
        left -= length + (end ? 1 : 0);
    }
}

int verb_ps(int argc, char **argv, struct fault *why)
{
    AUTO(skepds_answers_fini) struct skepds_answers answers = {0};
    struct wishes wishes = {0};
    const char *separator = "[";

    TRY(read_wishes(argc, argv, &wishes, why));
    TRY(skepds_ask("/containers", &answers, why));
    if (!wishes.json) {
        return print_table(&answers, wishes.all, why);
    }
    for (size_t i = 0; i < answers.count; i++) {
        print_lines(&answers.at[i], wishes.all, &separator);
    }
    (void)printf("%s]\n", *separator == '[' ? "[" : "");
    return 0;
}
