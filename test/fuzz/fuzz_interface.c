/* SPDX-License-Identifier: Apache-2.0 */
/* Three names, one a line: what is read lies within its name, order is one, and a match goes by it. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "runtime/compose/interface.h"
#include "runtime/compose/slot.h"

enum { NAMES = 3, NAMES_BYTES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct interface look_at(const char *name)
{
    struct interface interface = interface_read(name);
    size_t used = interface.path.length +
                  (interface.version.length > 0 ? interface.version.length + 1 : 0);

    assert(interface.path.at == name && used == strlen(name));
    assert(interface.pre.length <= interface.version.length);
    assert(interface_order(&interface, &interface) == 0);
    assert(interface_match(&interface, &interface) == INTERFACE_FITS);
    /* What all share gives nothing, and is nobody's slot. */
    assert(!slot_is_shared(name) || (!slot_gives(name) && !slot_is_name(name)));
    return interface;
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void look_at_pair(const struct interface *one, const struct interface *two)
{
    enum interface_match match = interface_match(one, two);
    bool same = one->path.length == two->path.length &&
                memcmp(one->path.at, two->path.at, one->path.length) == 0;

    assert(sign(interface_order(one, two)) == -sign(interface_order(two, one)));
    assert((match == INTERFACE_OTHER) == !same);
    assert(match != INTERFACE_FITS || interface_order(one, two) <= 0);
    assert(match != INTERFACE_OLDER || interface_order(one, two) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_fini) struct buf text = BUF(NAMES_BYTES_MAX + NAMES);
    struct interface read[NAMES];
    char *rest;

    if (size > NAMES_BYTES_MAX) {
        return 0;
    }
    buf_put(&text, data, size);
    buf_put(&text, "\n\n\n", NAMES);
    rest = (char *)text.data;
    for (size_t i = 0; i < NAMES; i++) {
        char *end = (char *)memchr(rest, '\n', text.length - (size_t)(rest - (char *)text.data));

        *end = '\0';
        read[i] = look_at(rest);
        rest = end + 1;
    }
    for (size_t i = 0; i < NAMES; i++) {
        look_at_pair(&read[i], &read[(i + 1) % NAMES]);
    }
    if (interface_order(&read[0], &read[1]) <= 0 && interface_order(&read[1], &read[2]) <= 0) {
        assert(interface_order(&read[0], &read[2]) <= 0);
    }
    return 0;
}
