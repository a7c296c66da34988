/* SPDX-License-Identifier: Apache-2.0 */
/* One line of an answer after the other becomes one value; its JSON is gone before the next. */
#include "cli/containers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "cli/skepds.h"
#include "runtime/stats/metrics.h"

enum { FIRST_ROOM = 64 };

static struct listed *listed_new(struct containers *containers)
{
    if (containers->count == containers->room) {
        size_t room = containers->room == 0 ? FIRST_ROOM : 2 * containers->room;
        struct listed *more = NEW_ARRAY(room, struct listed);

        if (containers->count > 0) {
            memcpy(more, containers->at, containers->count * sizeof(*more));
        }
        free(containers->at);
        containers->at = more;
        containers->room = room;
    }
    return &containers->at[containers->count++];
}

static void listed_fill(const struct metrics_line *line, const char *skepd, struct listed *ret)
{
    const struct metrics_subject *subject = &line->subject;

    *ret = (struct listed){.skepd = COPY_TEXT(skepd),
                           .space = COPY_TEXT(subject->space),
                           .id = COPY_TEXT(subject->id),
                           .pod_namespace = COPY_TEXT(subject->pod_namespace),
                           .pod = COPY_TEXT(subject->pod),
                           .name = COPY_TEXT(subject->name),
                           .kind = COPY_TEXT(subject->kind),
                           .state = COPY_TEXT(subject->state),
                           .is_pause = subject->is_pause,
                           .started_ms = subject->started_ms,
                           .counters = line->counters,
                           .latency = line->latency};
}

static int answer_read(const struct skepds_answer *answer, struct containers *ret,
                       struct fault *why)
{
    const char *at = (const char *)answer->body.data;
    size_t left = answer->body.length;

    while (left > 0) {
        const char *end = memchr(at, '\n', left);
        struct text text = {at, end ? (size_t)(end - at) : left};
        size_t taken = text.length + (end ? 1 : 0);
        struct metrics_line line;
        int done = metrics_read_line(text, &line, why);

        if (done == 0) {
            listed_fill(&line, answer->name, listed_new(ret));
        }
        metrics_line_fini(&line);
        if (done < 0) {
            return fault_while(why, "read the answer of skepd %.100s", answer->name);
        }
        at += taken;
        left -= taken;
    }
    return 0;
}

int containers_read(const struct skepds_answers *answers, struct containers *ret,
                    struct fault *why)
{
    *ret = (struct containers){.at = NULL};
    for (size_t i = 0; i < answers->count; i++) {
        TRY(answer_read(&answers->at[i], ret, why));
    }
    return 0;
}

void containers_fini(struct containers *containers)
{
    for (size_t i = 0; i < containers->count; i++) {
        struct listed *listed = &containers->at[i];
        char *const words[] = {listed->skepd, listed->space, listed->id,   listed->pod_namespace,
                               listed->pod,   listed->name,  listed->kind, listed->state};

        for (size_t word = 0; word < ARRAY_SIZE(words); word++) {
            free(words[word]);
        }
    }
    free(containers->at);
    *containers = (struct containers){.at = NULL};
}

int listed_order(const struct listed *one, const struct listed *other)
{
    int order = strcmp(one->skepd, other->skepd);

    order = order != 0 ? order : strcmp(one->space, other->space);
    return order != 0 ? order : strcmp(one->id, other->id);
}

/* ---- words ---- */

struct unit {
    uint64_t from; /* the first value that it is used for */
    uint64_t size;
    const char *name;
    int digits; /* behind the point */
};

static const char *words_in(uint64_t value, const struct unit *units, char *ret)
{
    const struct unit *unit = units;

    while (unit->from > value) {
        unit++;
    }
    (void)snprintf(ret, CONTAINERS_WORD_ROOM, "%.*f%s", unit->digits,
                   (double)value / (double)unit->size, unit->name);
    return ret;
}

const char *words_bytes(uint64_t bytes, char ret[CONTAINERS_WORD_ROOM])
{
    static const struct unit units[] = {{UINT64_C(1) << 30, UINT64_C(1) << 30, " GiB", 2},
                                        {UINT64_C(1) << 20, UINT64_C(1) << 20, " MiB", 1},
                                        {1024, 1024, " KiB", 0},
                                        {0, 1, " B", 0}};

    return words_in(bytes, units, ret);
}

const char *words_us(uint64_t us, char ret[CONTAINERS_WORD_ROOM])
{
    static const struct unit units[] = {{10000000, 1000000, " s", 0},
                                        {1000000, 1000000, " s", 1},
                                        {10000, 1000, " ms", 0},
                                        {1000, 1000, " ms", 1},
                                        {0, 1, " us", 0}};

    return words_in(us, units, ret);
}

const char *words_age(uint64_t seconds, char ret[CONTAINERS_WORD_ROOM])
{
    static const struct {
        uint64_t from;
        uint64_t size;
        char name;
    } units[] = {{2 * 86400, 86400, 'd'}, {2 * 3600, 3600, 'h'}, {2 * 60, 60, 'm'}, {0, 1, 's'}};
    size_t i = 0;

    while (units[i].from > seconds) {
        i++;
    }
    (void)snprintf(ret, CONTAINERS_WORD_ROOM, "%" PRIu64 "%c", seconds / units[i].size,
                   units[i].name);
    return ret;
}
