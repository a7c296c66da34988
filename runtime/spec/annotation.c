/* SPDX-License-Identifier: Apache-2.0 */
/* One table made from annotation.def; each kind of value has one reader. */
#include "runtime/spec/annotation.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "runtime/spec/spec.h"

/* By which CRI tells a container its name: containerd's pkg/cri/annotations. */
#define CONTAINER_NAME "io.kubernetes.cri.container-name"

struct row {
    const char *key; /* after the prefix */
    int (*read)(const struct row *row, const char *value, struct annotations *ret,
                struct fault *why);
    size_t offset;
    const char *no; /* WORD */
    const char *yes;
    uint64_t least; /* the others; DURATION in milliseconds */
    uint64_t most;
};

static int read_word(const struct row *row, const char *value, struct annotations *ret,
                     struct fault *why)
{
    bool is_yes = strcmp(value, row->yes) == 0;

    if (!is_yes && strcmp(value, row->no) != 0) {
        return fault(why, FAULT_INVALID, "annotation " ANNOTATION_PREFIX "%s must be %s or %s, not "
                     "\"%.100s\"", row->key, row->no, row->yes, value);
    }
    memcpy((char *)ret + row->offset, &is_yes, sizeof(is_yes));
    return 0;
}

static void store(const struct row *row, uint64_t value, struct annotations *ret)
{
    memcpy((char *)ret + row->offset, &value, sizeof(value));
}

static int read_number(const struct row *row, const char *value, struct annotations *ret,
                       struct fault *why)
{
    uint64_t number = 0;

    if (!text_to_u64(text_of(value), row->least, row->most, &number)) {
        return fault(why, FAULT_INVALID, "annotation " ANNOTATION_PREFIX "%s must be a number from "
                     "%" PRIu64 " to %" PRIu64 ", not \"%.100s\"", row->key, row->least, row->most,
                     value);
    }
    store(row, number, ret);
    return 0;
}

/* A number and a unit, in milliseconds. */
static bool duration_ms(const char *value, uint64_t most, uint64_t *ret)
{
    static const struct unit {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    size_t digits = strspn(value, "0123456789");

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(value + digits, units[i].name) == 0) {
            struct text number = {value, digits};

            if (!text_to_u64(number, 0, most / units[i].ms, ret)) {
                return false;
            }
            *ret *= units[i].ms;
            return true;
        }
    }
    return false;
}

static int read_duration(const struct row *row, const char *value, struct annotations *ret,
                         struct fault *why)
{
    uint64_t ms = 0;

    if (!duration_ms(value, row->most, &ms) || ms < row->least) {
        return fault(why, FAULT_INVALID, "annotation " ANNOTATION_PREFIX "%s must be a number with "
                     "ms, s, m or h, from %" PRIu64 "ms to %" PRIu64 "ms, not \"%.100s\"",
                     row->key, row->least, row->most, value);
    }
    store(row, ms * NS_PER_MS, ret);
    return 0;
}

static int read_size(const struct row *row, const char *value, struct annotations *ret,
                     struct fault *why)
{
    uint64_t bytes = 0;

    if (!text_to_bytes(text_of(value), row->most, &bytes) || bytes < row->least) {
        return fault(why, FAULT_INVALID, "annotation " ANNOTATION_PREFIX "%s must be a size like "
                     "64Mi, from %" PRIu64 " to %" PRIu64 " bytes, not \"%.100s\"", row->key,
                     row->least, row->most, value);
    }
    store(row, bytes, ret);
    return 0;
}

static int read_text(const struct row *row, const char *value, struct annotations *ret,
                     struct fault *why)
{
    if (strlen(value) > row->most) {
        return fault(why, FAULT_LIMIT, "annotation " ANNOTATION_PREFIX "%s has more than %" PRIu64
                     " bytes", row->key, row->most);
    }
    memcpy((char *)ret + row->offset, &value, sizeof(value));
    return 0;
}

static const struct row rows[] = {
#define WORD(key, field, no, yes, words)                                                           \
    {key, read_word, offsetof(struct annotations, field), no, yes, 0, 0},
#define NUMBER(key, field, least, most, words)                                                     \
    {key, read_number, offsetof(struct annotations, field), NULL, NULL, least, most},
#define DURATION(key, field, least_ms, most_ms, words)                                             \
    {key, read_duration, offsetof(struct annotations, field), NULL, NULL, least_ms, most_ms},
#define SIZE(key, field, least, most, words)                                                       \
    {key, read_size, offsetof(struct annotations, field), NULL, NULL, least, most},
#define TEXT(key, field, most, words)                                                              \
    {key, read_text, offsetof(struct annotations, field), NULL, NULL, 0, most},
#include "runtime/spec/annotation.def"
#undef WORD
#undef NUMBER
#undef DURATION
#undef SIZE
#undef TEXT
};

/* The row of a key, and the container that it is for; NULL: for all. */
static const struct row *find_row(const char *key, const char **ret_container)
{
    size_t length = strcspn(key, ".");

    *ret_container = key[length] == '.' ? key + length + 1 : NULL;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strlen(rows[i].key) == length && strncmp(rows[i].key, key, length) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Those for all containers, or, with a name, those for that container. */
static int read_for(const struct spec *spec, const char *name, struct annotations *ret,
                    struct fault *why)
{
    const size_t prefix = sizeof(ANNOTATION_PREFIX) - 1;

    for (size_t i = 0; i < spec->annotations_count; i++) {
        const struct spec_pair *pair = &spec->annotations[i];
        const char *container = NULL;
        const struct row *row = NULL;

        if (strncmp(pair->key, ANNOTATION_PREFIX, prefix) != 0) {
            continue;
        }
        row = find_row(pair->key + prefix, &container);
        if (!row) {
            return fault(why, FAULT_INVALID, "annotation %.100s is not known", pair->key);
        }
        if (container && name ? strcmp(container, name) == 0 : !container && !name) {
            TRY(row->read(row, pair->value, ret, why));
        }
    }
    return 0;
}

int annotations_read(const struct spec *spec, struct annotations *ret, struct fault *why)
{
    const char *name = spec_annotation(spec, CONTAINER_NAME);
    struct annotations all = {0};

    TRY(read_for(spec, NULL, &all, why));
    if (name) {
        TRY(read_for(spec, name, &all, why));
    }
    *ret = all;
    return 0;
}
