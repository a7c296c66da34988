/* SPDX-License-Identifier: Apache-2.0 */
/* A rule is a place and perhaps a port; only an IPv6 address without a port has two colons. */
#include "runtime/spec/reach.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

static const char separators[] = ", \t\n";

enum { NAME_BYTES_MAX = 253, MAPPED_BITS = 96 }; /* RFC 1035, 2.3.4; RFC 4291, 2.5.5.2 */

static bool is_name(const char *name)
{
    size_t label = 0;

    if (strlen(name) > NAME_BYTES_MAX) {
        return false;
    }
    for (; *name != '\0'; name++) {
        if (*name == '.' && label == 0) {
            return false;
        }
        if (*name != '.' && *name != '-' && *name != '_' && !isalnum((unsigned char)*name)) {
            return false;
        }
        label = *name == '.' ? 0 : label + 1;
    }
    return label > 0;
}

static bool is_network(char *place)
{
    struct in6_addr address;
    char *slash = strchr(place, '/');
    int family = strchr(place, ':') ? AF_INET6 : AF_INET;
    uint64_t bits = 0;

    if (slash) {
        *slash = '\0';
        if (!text_to_u64(text_of(slash + 1), 0, family == AF_INET6 ? 128 : 32, &bits)) {
            return false;
        }
    }
    if (inet_pton(family, place, &address) != 1) {
        return false;
    }
    /* Part of a mapped range's prefix would be a range of no family. */
    return !slash || family == AF_INET || !IN6_IS_ADDR_V4MAPPED(&address) || bits >= MAPPED_BITS;
}

/* Cuts the port off; false if it is wrong. */
static bool cut_port(char **place, bool *ret_has_port)
{
    char *colon = strchr(*place, ':');
    uint64_t port = 0;

    if (**place == '[') {
        char *end = strchr(*place, ']');

        if (!end || (end[1] != '\0' && end[1] != ':')) {
            return false;
        }
        colon = end[1] == ':' ? end + 1 : NULL;
        *end = '\0';
        (*place)++;
    } else if (colon && strchr(colon + 1, ':')) {
        colon = NULL;
    }
    *ret_has_port = colon != NULL;
    if (!colon) {
        return true;
    }
    *colon = '\0';
    return text_to_u64(text_of(colon + 1), 1, UINT16_MAX, &port);
}

static bool is_rule(const char *from, size_t length)
{
    char text[REACH_RULE_BYTES + 1] = {0};
    char *place = text;
    bool has_port = false;

    if (length > REACH_RULE_BYTES) {
        return false;
    }
    memcpy(text, from, length);
    if (!cut_port(&place, &has_port)) {
        return false;
    }
    if (strncmp(place, "*.", 2) == 0) {
        return is_name(place + 2);
    }
    return is_network(place) || (has_port && is_name(place));
}

int reach_parse(const char *list, own char **ret, struct fault *why)
{
    char *lines = NEW_ARRAY(strlen(list) + 2, char);
    size_t used = 0;
    size_t count = 0;

    for (list += strspn(list, separators); *list != '\0'; list += strspn(list, separators)) {
        size_t length = strcspn(list, separators);

        if (!is_rule(list, length) || ++count > REACH_RULES_MAX) {
            free(lines);
            return count > REACH_RULES_MAX
                       ? fault(why, FAULT_LIMIT, "annotation skep.dev/network has more than %d "
                               "rules", REACH_RULES_MAX)
                       : fault(why, FAULT_INVALID, "annotation skep.dev/network: \"%.*s\" must be "
                               "host:port, a CIDR or *.suffix (or the whole: pod or none)",
                               (int)(length < 100 ? length : 100), list);
        }
        memcpy(lines + used, list, length);
        used += length;
        lines[used++] = '\n';
        list += length;
    }
    *ret = lines;
    return 0;
}
