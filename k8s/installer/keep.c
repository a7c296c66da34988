/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State is held twice: in memory, so that the cluster is told only what is new, and on the node, which
 * is looked at anew in each round. So a restart of this program loses nothing.
 */
#include "k8s/installer/keep.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/text.h"
#include "k8s/installer/config.h"

enum {
    BACK_OFF_MAX_SECONDS = 3600,
    REMIND_ROUNDS = 20, /* the label is set again, should somebody have taken it */
    STATE_MAX = 1024,
};

/* What the node is now; the first word is the label's value. */
enum state { STATE_UNKNOWN, STATE_READY, STATE_FAILED, STATE_REMOVING, STATE_REMOVED };

static const char *const labels[] = {[STATE_READY] = "ready",
                                     [STATE_FAILED] = "failed",
                                     [STATE_REMOVING] = "removing",
                                     [STATE_REMOVED] = NULL};

struct keeping {
    const struct keeper *keeper;
    enum state told;
    char sentence[FAULT_TEXT_MAX]; /* that was told */
    unsigned rounds;               /* since then */
    uint64_t try_at;               /* not before */
    unsigned back_off;             /* seconds */
};

static void write_state(const struct keeper *keeper, enum state state, const char *sentence)
{
    AUTO(buf_fini) struct buf line = BUF(STATE_MAX);
    struct fault why = {0};

    buf_print(&line, "%s%s%s\n", labels[state] ? labels[state] : "removed", sentence[0] ? ": " : "",
              sentence);
    if (fs_replace(AT_FDCWD, keeper->state_path,
                   (struct text){(const char *)line.data, line.length}, 0644, &why) < 0) {
        log_warn("state not written", "why=\"%s\"", why.text);
    }
}

/* Tells the cluster what is new: by label and annotation, and by an event. */
static void tell(struct keeping *self, enum state state, const char *sentence,
                 const struct cluster_event *event)
{
    const struct keeper *keeper = self->keeper;
    struct fault why = {0};
    bool is_new = state != self->told || strcmp(sentence, self->sentence) != 0;

    if (!is_new && ++self->rounds < REMIND_ROUNDS) {
        return;
    }
    if (is_new) {
        write_state(keeper, state, sentence);
        log_line(state == STATE_FAILED ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                 labels[state] ? labels[state] : "removed", "node=%s %s", keeper->node, sentence);
    }
    if (is_new && event && cluster_event(keeper->api, keeper->node, event, &why) < 0) {
        log_warn("event not written", "why=\"%s\"", why.text);
    }
    if (cluster_mark(keeper->api, keeper->node, labels[state], sentence[0] ? sentence : NULL,
                     &why) < 0) {
        log_warn("node not marked", "why=\"%s\"", why.text);
        return; /* again in the next round */
    }
    self->told = state;
    self->rounds = 0;
    (void)snprintf(self->sentence, sizeof(self->sentence), "%s", sentence);
}

static void failed(struct keeping *self, const char *reason, const struct fault *why)
{
    const struct cluster_event event = {.is_bad = true, .reason = reason, .message = why->text};

    self->back_off = self->back_off == 0 ? self->keeper->every_seconds : self->back_off * 2;
    if (self->back_off > BACK_OFF_MAX_SECONDS) {
        self->back_off = BACK_OFF_MAX_SECONDS;
    }
    self->try_at = clock_now_ns() + self->back_off * NS_PER_S;
    tell(self, STATE_FAILED, why->text, &event);
}

/* The node's status says that the kubelet has seen the handlers; only then may pods come. */
static int seen_by_kubelet(struct keeping *self, struct fault *why)
{
    const struct keeper *keeper = self->keeper;
    size_t seen = 0;

    TRY(cluster_count_handlers(keeper->api, keeper->node, config_handlers, &seen, why));
    return seen == config_handlers_count() ? 1 : 0;
}

static void settled(struct keeping *self)
{
    const struct installation *in = self->keeper->installation;
    char message[FAULT_TEXT_MAX];
    const struct cluster_event event = {.reason = "SkepInstalled", .message = message};
    struct fault why = {0};
    int seen = seen_by_kubelet(self, &why);

    if (seen < 0) {
        log_warn("node's status not read", "why=\"%s\"", why.text);
        return;
    }
    if (seen == 0) {
        log_info("waiting", "for the node's status to have the handlers");
        return;
    }
    (void)snprintf(message, sizeof(message), "Skep %s is installed", in->programs.id);
    tell(self, STATE_READY, "", &event);
    if (programs_sweep(&in->host, in->programs.id, &why) < 0) {
        log_warn("old versions not removed", "why=\"%s\"", why.text);
    }
}

static void round_install(struct keeping *self)
{
    struct fault why = {0};
    int done;

    if (clock_now_ns() < self->try_at) {
        return;
    }
    done = install_node(self->keeper->installation, &why);
    if (done < 0) {
        failed(self, "SkepInstallFailed", &why);
        return;
    }
    self->back_off = 0;
    self->try_at = 0;
    settled(self);
}

static void told_in_use(struct keeping *self, const struct cri_pods *pods)
{
    char message[FAULT_TEXT_MAX];
    const struct cluster_event event = {.is_bad = true, .reason = "SkepInUse", .message = message};

    (void)snprintf(message, sizeof(message),
                   "Skep stays until its %zu pods are gone: %.120s%s%.120s%s", pods->count,
                   pods->names[0], pods->count > 1 ? ", " : "", pods->names[1],
                   pods->count > 2 ? ", …" : "");
    tell(self, STATE_REMOVING, message, &event);
}

static void round_remove(struct keeping *self)
{
    static const struct cluster_event gone = {.reason = "SkepRemoved",
                                              .message = "Skep is removed from the node"};
    struct cri_pods pods;
    struct fault why = {0};
    int done;

    if (self->told == STATE_REMOVED) {
        return;
    }
    if (self->told == STATE_READY || self->told == STATE_UNKNOWN) {
        /* Before anything else: no new pods. */
        tell(self, STATE_REMOVING, "", NULL);
    }
    if (clock_now_ns() < self->try_at) {
        return;
    }
    done = install_remove(self->keeper->installation, &pods, &why);
    if (done < 0) {
        failed(self, "SkepRemovalFailed", &why);
    } else if (done == INSTALL_IN_USE) {
        told_in_use(self, &pods);
    } else {
        tell(self, STATE_REMOVED, "", &gone);
    }
}

static void round_all(struct keeping *self)
{
    struct fault why = {0};
    int withdrawn = cluster_is_withdrawn(self->keeper->api, &self->keeper->set, &why);

    if (withdrawn < 0) {
        log_warn("DaemonSet not read", "why=\"%s\"", why.text);
    } else if (withdrawn == 1) {
        round_remove(self);
    } else {
        round_install(self);
    }
}

static unsigned pause_of(const struct keeping *self)
{
    /* What is on its way is looked at more often. */
    bool is_moving = self->told == STATE_UNKNOWN || self->told == STATE_REMOVING;

    return is_moving && self->keeper->every_seconds > 2 ? 2 : self->keeper->every_seconds;
}

int keep(const struct keeper *keeper, struct fault *why)
{
    struct keeping self = {.keeper = keeper};
    sigset_t ends;

    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    if (sigprocmask(SIG_BLOCK, &ends, NULL) < 0) {
        return fault(why, FAULT_SYSTEM, "signals cannot be waited for");
    }
    for (;;) {
        struct timespec pause = {.tv_sec = 0};

        round_all(&self);
        pause.tv_sec = (time_t)pause_of(&self);
        if (sigtimedwait(&ends, NULL, &pause) > 0) {
            return 0;
        }
    }
}

int keep_state(const char *path, struct fault *why)
{
    AUTO(buf_fini) struct buf line = BUF(STATE_MAX);
    struct text text;

    TRY(fs_read_small(AT_FDCWD, path, &line, why));
    text = (struct text){(const char *)line.data, line.length};
    return text_starts(text, "ready\n")
               ? 0
               : fault(why, FAULT_STATE, "%.*s", (int)text.length, text.at);
}
