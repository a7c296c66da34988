/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/compose/slot.h"

#include <string.h>

#include "base/attr.h"
#include "base/text.h"
#include "runtime/compose/interface.h"

static const struct root {
    const char *name;
    const char *gives;
} roots[] = {
#define ROOT(name, gives) {name, gives},
#define SHARED(name, line)
#include "runtime/compose/interfaces.def"
#undef ROOT
#undef SHARED
};

static const struct shared {
    const char *name;
    const char *line;
} shared[] = {
#define ROOT(name, gives)
#define SHARED(name, line) {name, line},
#include "runtime/compose/interfaces.def"
#undef ROOT
#undef SHARED
};

bool slot_is_name(const char *name)
{
    size_t digits;

    if (name[0] != 'c' && name[0] != 'C') {
        return false;
    }
    digits = strspn(name + 1, "0123456789");
    return digits > 0 && name[1 + digits] == '-' && strchr(name, ':') != NULL;
}

static bool is_line(const struct interface *interface, const char *line)
{
    /* The table's lines are "0.N". */
    return interface->version.length > 0 && interface->pre.length == 0 &&
           interface->numbers[0] == 0 && interface->numbers[1] == (uint64_t)(line[2] - '0');
}

bool slot_is_shared(const char *import)
{
    struct interface interface = interface_read(import);

    for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
        if (text_is(interface.path, shared[i].name) && is_line(&interface, shared[i].line)) {
            return true;
        }
    }
    return false;
}

const char *slot_gives(const char *import)
{
    struct interface interface = interface_read(import);

    if (strncmp(import, "wasi:", strlen("wasi:")) != 0 || slot_is_shared(import)) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        if (text_is(interface.path, roots[i].name)) {
            return roots[i].gives;
        }
    }
    return import;
}
