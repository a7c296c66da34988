/* SPDX-License-Identifier: Apache-2.0 */
/* The choice is made on the loop, where the table is; what blocks is left to the pool. */
#include "shim/pod/network.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "runtime/broker/netns.h"
#include "runtime/grant/grant.h"
#include "runtime/spec/spec.h"
#include "shim/pod/pods.h"

/* Is it /proc/P/ns/net with a P that no process can have? */
static bool path_is_virtual(const char *path, uint64_t *ret_pid)
{
    static const char head[] = "/proc/";
    const char *digits = path + sizeof(head) - 1;
    size_t length;

    if (strncmp(path, head, sizeof(head) - 1) != 0) {
        return false;
    }
    length = strspn(digits, "0123456789");
    return strcmp(digits + length, "/ns/net") == 0 &&
           text_to_u64((struct text){digits, length}, PODS_PID_ABOVE + 1ULL, INT32_MAX, ret_pid);
}

static void choose_as_pause(const struct container *pause, struct network_choice *ret)
{
    char path[64];

    ret->network = pause->network;
    if (pause->network == CONTAINER_NETWORK_PATH) {
        ret->path = COPY_TEXT(pause->netns_path);
    } else if (pause->network == CONTAINER_NETWORK_OWN) {
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", netns_tid(pause->netns));
        ret->network = CONTAINER_NETWORK_PATH;
        ret->path = COPY_TEXT(path);
    }
}

int network_choose(struct pods *pods, const struct container *container, const struct spec *spec,
                   struct network_choice *ret, struct fault *why)
{
    const struct spec_namespace *namespace = spec_namespace(spec, "network");
    const struct container *pause = NULL;
    uint64_t pid = 0;

    ret->path = NULL;
    if (!namespace) {
        ret->network = CONTAINER_NETWORK_NODE;
    } else if (!namespace->path || namespace->path[0] == '\0') {
        ret->network = CONTAINER_NETWORK_OWN;
    } else if (!path_is_virtual(namespace->path, &pid)) {
        ret->network = CONTAINER_NETWORK_PATH;
        ret->path = COPY_TEXT(namespace->path);
    } else {
        pause = pods_find_sandbox(pods, container->namespace_id, pid);
        if (!pause || pause->init.state == GUEST_PREPARING) {
            return fault(why, FAULT_INVALID,
                         "config.json: the network namespace is that of the pause %" PRIu64
                         ", which does not live here",
                         pid);
        }
        choose_as_pause(pause, ret);
    }
    return 0;
}

int network_settle(struct network_choice *choice, struct container *container,
                   struct grant *grant, struct fault *why)
{
    container->network = choice->network;
    container->netns_path = TAKE(choice->path);
    if (choice->network == CONTAINER_NETWORK_OWN) {
        TRY(netns_new(&container->netns, why));
        container->init.pid = (uint32_t)netns_tid(container->netns);
    }
    if (grant && grant->network != GRANT_NETWORK_NONE) {
        free(grant->netns);
        grant->netns = container->netns_path ? COPY_TEXT(container->netns_path) : NULL;
        grant->network = choice->network == CONTAINER_NETWORK_NODE ? GRANT_NETWORK_NODE
                                                                   : GRANT_NETWORK_POD;
    }
    return 0;
}
