/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over walls.def. Root that cannot build a wall fails; others remember what is missing. */
#include "runtime/sandbox/sandbox.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/text.h"
#include "runtime/sandbox/walls.h"

enum step { EARLY, LATE };
enum need { ALWAYS, NEEDED, SECOND };
enum { NAMES_ROOM = 512 };

static const struct wall {
    const char *name;
    enum step step;
    enum need need;
    int (*build)(struct sandbox *sandbox, struct fault *why);
    const char *words;
} walls[] = {
#define WALL(NAME, name, step, need, function, words) {name, step, need, function, words},
#include "runtime/sandbox/walls.def"
#undef WALL
};

static const struct sandbox_rules profiles[] = {
#define PROFILE(NAME, name, id, network, root, landlock, calls, files, threads)                              \
    {name, id, network, root, landlock, calls, files, threads},
#include "runtime/sandbox/profiles.def"
#undef PROFILE
};

const struct sandbox_rules *sandbox_rules(enum sandbox_profile profile)
{
    return &profiles[profile];
}

uint32_t sandbox_user(enum sandbox_profile profile)
{
    return profiles[profile].id;
}

void sandbox_miss(struct sandbox *sandbox, const char *words)
{
    size_t length = strlen(sandbox->missing);

    (void)snprintf(sandbox->missing + length, sizeof(sandbox->missing) - length, "%s%s",
                   length > 0 ? ", " : "", words);
}

/* Return: 0 when it may be missing, or negative. */
static int miss(struct sandbox *sandbox, size_t index, struct fault *why)
{
    const struct wall *wall = &walls[index];

    if (wall->need == ALWAYS) {
        return fault(why, FAULT_INTERNAL, "enter the sandbox: %s: missing", wall->words);
    }
    if (sandbox->is_strict && wall->need == NEEDED &&
        (sandbox->options.accepted & 1U << index) == 0) {
        return fault(why, FAULT_DENIED,
                     "enter the sandbox: %s: not possible here; \"accept_missing\" of skep.json "
                     "would have to name \"%s\"",
                     wall->words, wall->name);
    }
    sandbox->absent |= 1U << index;
    sandbox_miss(sandbox, wall->words);
    return 0;
}

static int build(struct sandbox *sandbox, enum step step, struct fault *why)
{
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        int result = 0;

        if (walls[i].step != step) {
            continue;
        }
        result = walls[i].build(sandbox, why);
        if (result < 0) {
            return fault_while(why, "enter the sandbox: %s", walls[i].words);
        }
        if (result == WALL_MISSING) {
            TRY(miss(sandbox, i, why));
        } else if (result != WALL_NONE) {
            sandbox->standing |= 1U << i;
        }
    }
    return 0;
}

int sandbox_enter_early(enum sandbox_profile profile, const struct sandbox_options *options,
                        struct sandbox *ret, struct fault *why)
{
    *ret = (struct sandbox){.profile = profile};
    if (options) {
        ret->options = *options;
    }
    ret->is_strict = sandbox_is_root() && !ret->options.keep_user;
    return build(ret, EARLY, why);
}

int sandbox_enter_late(struct sandbox *sandbox, struct fault *why)
{
    return build(sandbox, LATE, why);
}

void sandbox_print(const struct sandbox *sandbox, struct buf *out)
{
    const char *before = "";

    buf_print(out, "user %u: ", (unsigned)geteuid());
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        if ((sandbox->standing & 1U << i) != 0) {
            buf_print(out, "%s%s", before, walls[i].words);
            before = ", ";
        }
    }
    if (sandbox->notifies) {
        buf_print(out, "%ssockets by notification", before);
    }
    if (sandbox->missing[0] != '\0') {
        buf_print(out, "; missing: %s", sandbox->missing);
    }
}

static void print_names(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        if (walls[i].need != ALWAYS) {
            buf_print(out, "%s, ", walls[i].name);
        }
    }
    buf_print(out, "%s%c", SANDBOX_SOCKETS, 0);
}

static int accept_one(struct text name, uint32_t *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf names = BUF(NAMES_ROOM);

    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        if (text_is(name, walls[i].name) && walls[i].need != ALWAYS) {
            *ret |= 1U << i;
            return 0;
        }
    }
    if (text_is(name, SANDBOX_SOCKETS)) {
        *ret |= 1U << ARRAY_SIZE(walls);
        return 0;
    }
    print_names(&names);
    return fault(why, FAULT_INVALID, "no wall \"%.*s\" can be missing, only %s",
                 (int)(name.length < 64 ? name.length : 64), name.at,
                 (const char *)names.data);
}

int sandbox_accept(struct text names, uint32_t *ret, struct fault *why)
{
    *ret = 0;
    while (names.length > 0) {
        const char *comma = memchr(names.at, ',', names.length);
        size_t length = comma ? (size_t)(comma - names.at) : names.length;

        TRY(accept_one((struct text){names.at, length}, ret, why));
        length += comma ? 1 : 0;
        names = (struct text){names.at + length, names.length - length};
    }
    return 0;
}

bool sandbox_accepts_sockets(const struct sandbox *sandbox)
{
    return !sandbox->is_strict || (sandbox->options.accepted & 1U << ARRAY_SIZE(walls)) != 0;
}

static enum sandbox_state state_of(unsigned standing, unsigned absent, size_t index)
{
    if ((standing & 1U << index) != 0) {
        return SANDBOX_STANDS;
    }
    return (absent & 1U << index) != 0 ? SANDBOX_MISSING : SANDBOX_NOT_MEANT;
}

bool sandbox_wall(const struct sandbox *sandbox, size_t index, struct sandbox_wall *ret)
{
    if (index < ARRAY_SIZE(walls)) {
        *ret = (struct sandbox_wall){walls[index].name, walls[index].words,
                                     walls[index].need != SECOND,
                                     state_of(sandbox->standing, sandbox->absent, index)};
        return true;
    }
    *ret = (struct sandbox_wall){SANDBOX_SOCKETS, "sockets by notification", true,
                                 sandbox->notifies ? SANDBOX_STANDS : SANDBOX_MISSING};
    return index == ARRAY_SIZE(walls);
}
