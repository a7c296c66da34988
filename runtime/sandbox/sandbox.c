/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over walls.def. Root that cannot build a wall fails; others remember what is missing. */
#include "runtime/sandbox/sandbox.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "runtime/sandbox/walls.h"

enum step { EARLY, LATE };

static const struct wall {
    enum step step;
    int (*build)(struct sandbox *sandbox, struct fault *why);
    const char *words;
} walls[] = {
#define WALL(NAME, step, function, words) {step, function, words},
#include "runtime/sandbox/walls.def"
#undef WALL
};

static const struct sandbox_rules profiles[] = {
#define PROFILE(NAME, name, id, network, root, calls, files, threads)                              \
    {name, id, network, root, calls, files, threads},
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

static void remember_missing(struct sandbox *sandbox, const char *words)
{
    size_t length = strlen(sandbox->missing);

    (void)snprintf(sandbox->missing + length, sizeof(sandbox->missing) - length, "%s%s",
                   length > 0 ? ", " : "", words);
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
        if (result == WALL_MISSING && sandbox->is_strict) {
            return fault(why, FAULT_DENIED, "enter the sandbox: %s: not permitted, although root",
                         walls[i].words);
        }
        if (result == WALL_MISSING) {
            remember_missing(sandbox, walls[i].words);
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
