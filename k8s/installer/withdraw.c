/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "k8s/installer/keep.h"

enum { LOOK_MS = 1000 };

int withdraw(struct api *api, const struct cluster_set *set, unsigned seconds, struct fault *why)
{
    uint64_t deadline = clock_now_ns() + seconds * NS_PER_S;
    char words[CLUSTER_LIST_ROOM];

    if (cluster_withdraw(api, set, why) < 0) {
        return why->kind == FAULT_NOT_FOUND ? 0 : -1;
    }
    for (;;) {
        int left = cluster_marked_nodes(api, words, why);

        TRY(left);
        if (left == 0) {
            return 0;
        }
        log_info("waiting", "for %d nodes: %s", left, words);
        if (clock_now_ns() >= deadline) {
            return fault(why, FAULT_TIMEOUT, "after %u seconds Skep is still on %d nodes: %.250s",
                         seconds, left, words);
        }
        (void)poll(NULL, 0, LOOK_MS);
    }
}
