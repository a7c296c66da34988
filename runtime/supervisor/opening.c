/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grant is the run's owner's, who may drop it as soon as the run is freed; so the part that
 * the other thread reads is copied.
 */
#include "runtime/supervisor/opening.h"

#include <string.h>

#include "base/fd.h"
#include "base/loop.h"
#include "runtime/broker/folder.h"
#include "runtime/broker/listen.h"
#include "runtime/broker/netns.h"
#include "runtime/broker/text.h"
#include "runtime/grant/grant.h"
#include "runtime/supervisor/description.h"
#include "runtime/supervisor/inside.h"
#include "runtime/supervisor/later.h"
#include "runtime/supervisor/run.h"

struct opening {
    struct supervisor *supervisor;
    struct later here; /* told in a later turn; only of one that nothing keeps waiting */
    bool is_away;      /* it runs off the loop */
    opening_fn *fn; /* NULL: forgotten */
    void *owner;
    own struct grant *grant; /* folders, user, network and port only */
    int netns;               /* owned; -1: by the grant */
    own char *address;
    bool server;
    unsigned texts; /* that the component has a use of */
    struct opened opened;
    struct fault failed;
};

void opened_fini(struct opened *opened)
{
    opened->folders = folders_close(opened->folders);
    opened->listener = fd_close(opened->listener);
    opened->network = fd_close(opened->network);
    opened->netns = netns_free(opened->netns);
    opened_drop_texts(opened);
}

void opened_drop_texts(struct opened *opened)
{
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        free(opened->texts[i]);
        opened->texts[i] = NULL;
    }
}

static own struct grant *grant_copy(const struct grant *grant)
{
    struct grant *copy = NEW(struct grant);

    copy->network = grant->network;
    copy->port = grant->port;
    copy->user = grant->user;
    copy->trust = grant->trust ? COPY_TEXT(grant->trust) : NULL;
    copy->netns = grant->netns ? COPY_TEXT(grant->netns) : NULL;
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        copy->network_files[i] = grant->network_files[i] ? COPY_TEXT(grant->network_files[i])
                                                         : NULL;
    }
    copy->folders_count = grant->folders_count;
    copy->folders = NEW_ARRAY(grant->folders_count + 1, struct grant_folder);
    for (size_t i = 0; i < grant->folders_count; i++) {
        copy->folders[i] = grant->folders[i];
        copy->folders[i].source = COPY_TEXT(grant->folders[i].source);
        copy->folders[i].guest = COPY_TEXT(grant->folders[i].guest);
    }
    return copy;
}

/* The namespace to listen in; -1 stands for the node's. */
static int namespace_find(struct opening *opening, int *ret, struct fault *why)
{
    const struct grant *grant = opening->grant;

    if (opening->netns >= 0) {
        *ret = fd_duplicate(opening->netns);
        return *ret < 0 ? fault_sys(why, *ret, "keep a network namespace open") : 0;
    }
    switch (grant->network) {
    case GRANT_NETWORK_NONE:
        return fault(why, FAULT_STATE,
                     "it is a server, and its network is \"none\": there is nowhere to listen");
    case GRANT_NETWORK_NODE:
        *ret = -1;
        return 0;
    case GRANT_NETWORK_POD:
        break;
    }
    if (grant->netns) {
        return netns_open(grant->netns, ret, why);
    }
    TRY(netns_new(&opening->opened.netns, why));
    *ret = fd_duplicate(netns_descriptor(opening->opened.netns));
    return *ret < 0 ? fault_sys(why, *ret, "keep a network namespace open") : 0;
}

static int listener_open(struct opening *opening, struct fault *why)
{
    AUTO(fd_close) int netns = -1;
    struct listen_plan plan = {.address = opening->address, .port = opening->grant->port};

    TRY(namespace_find(opening, &netns, why));
    plan.netns = netns;
    return listen_open(&plan, &opening->opened.listener, &opening->opened.port, why);
}

/* Where the task's own sockets are made: nowhere, unless its grant names a place. */
static int network_open(struct opening *opening, struct fault *why)
{
    const struct grant *grant = opening->grant;
    int netns = opening->opened.netns ? netns_descriptor(opening->opened.netns) : opening->netns;

    if (grant->network == GRANT_NETWORK_NODE) {
        return netns_open("/proc/thread-self/ns/net", &opening->opened.network, why);
    }
    if (grant->network == GRANT_NETWORK_NONE || (netns < 0 && !grant->netns)) {
        return 0;
    }
    if (netns < 0) {
        return netns_open(grant->netns, &opening->opened.network, why);
    }
    opening->opened.network = fd_duplicate(netns);
    return opening->opened.network < 0
               ? fault_sys(why, opening->opened.network, "keep a network namespace open")
               : 0;
}

static int texts_read(struct opening *opening, struct fault *why)
{
    const char *trust = opening->grant->trust;

    if (trust && opening->opened.folders && (opening->texts & 1U << GRANT_TEXT_TRUST) != 0) {
        TRY(broker_text_find(opening->opened.folders, trust,
                             &opening->opened.texts[GRANT_TEXT_TRUST], why));
    }
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        const char *path = opening->grant->network_files[i];

        if (path && !opening->opened.texts[i] && (opening->texts & 1U << i) != 0) {
            TRY(broker_text_read(path, &opening->opened.texts[i], why));
        }
    }
    return 0;
}

static int open_all(struct opening *opening, struct fault *why)
{
    const struct folders_plan plan = {.grant = opening->grant,
                                      .idmaps = opening->supervisor->idmaps,
                                      .plain = opening->supervisor->plain};

    TRY(folders_open(&plan, &opening->opened.folders, why));
    TRY(texts_read(opening, why));
    if (opening->server) {
        TRY(listener_open(opening, why));
    }
    return network_open(opening, why);
}

static void opening_work(void *owner)
{
    struct opening *opening = (struct opening *)owner;

    (void)open_all(opening, &opening->failed);
}

static void opening_free(own struct opening *opening)
{
    opened_fini(&opening->opened);
    (void)grant_free(opening->grant);
    (void)fd_close(opening->netns);
    free(opening->address);
    free(opening);
}

static void opening_tell(void *owner)
{
    struct opening *opening = (struct opening *)owner;

    if (opening->fn) {
        opening->fn(opening->owner, &opening->opened,
                    opening->failed.kind == FAULT_NONE ? NULL : &opening->failed);
    }
    opening_free(opening);
}

static void opening_done(void *owner)
{
    struct supervisor *supervisor = ((struct opening *)owner)->supervisor;

    opening_tell(owner);
    supervisor_opening_done(supervisor);
}

/* Does it touch a file system, or a namespace that is not ours? */
static bool may_block(const struct opening *opening)
{
    const struct grant *grant = opening->grant;

    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        if (grant->network_files[i] && (opening->texts & 1U << i) != 0) {
            return true;
        }
    }
    return grant->folders_count > 0 || grant->network == GRANT_NETWORK_POD || opening->netns >= 0;
}

struct opening *opening_begin(struct supervisor *supervisor, const struct run_plan *plan,
                              const struct description *description, opening_fn *fn, void *owner)
{
    struct opening *opening = NEW(struct opening);

    *opening = (struct opening){.supervisor = supervisor,
                                .fn = fn,
                                .owner = owner,
                                .grant = grant_copy(plan->grant),
                                .netns = plan->netns < 0 ? -1 : fd_duplicate(plan->netns),
                                .address = plan->address ? COPY_TEXT(plan->address) : NULL,
                                .server = description->kind == RUN_SERVER && !plan->grant->call,
                                .texts = description->texts,
                                .opened = {.listener = -1, .network = -1}};
    if (may_block(opening)) {
        opening->is_away = true;
        supervisor->openings++;
        loop_work(supervisor->loop, opening_work, opening_done, opening);
    } else {
        opening_work(opening);
        opening->here = (struct later){.fn = opening_tell, .owner = opening};
        laters_add(supervisor->laters, &opening->here);
    }
    return opening;
}

void opening_forget(struct opening *opening)
{
    if (opening && opening->is_away) {
        opening->fn = NULL;
    } else if (opening) {
        laters_remove(opening->supervisor->laters, &opening->here);
        opening_free(opening);
    }
}
