/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step that fails hands its change back. The order is chosen so that each state on the way is one
 * that a node can stay in: programs that nobody names, then tables that containerd has not read, then
 * the restart.
 */
#include "k8s/installer/install.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "k8s/installer/change.h"
#include "k8s/installer/toml.h"

enum { WAIT_STEP_MS = 200 };

/* Two installers at once would take each other's half-written state for their own. */
static int lock_node(const struct host *host, struct fault *why)
{
    AUTO(fd_close) int dir = fs_open_in_root(host->dir, "/etc", O_RDONLY | O_DIRECTORY);

    if (dir < 0) {
        return fault_sys(why, dir, "open the node's /etc");
    }
    if (flock(dir, LOCK_EX | LOCK_NB) < 0) {
        return fault(why, FAULT_STATE, "another skep-install is at work on this node");
    }
    return TAKE_FD(dir);
}

/* All of containerd's configuration but what is ours; how many of our tables there are. */
static int dump_rest(const struct installation *in, struct buf *ret, size_t *ret_tables,
                     struct fault *why)
{
    AUTO(buf_fini) struct buf dump = BUF(TOML_FILE_MAX);

    TRY(in->hands->dump(in->owner, &dump, why));
    if (dump.length == dump.max) {
        return fault(why, FAULT_LIMIT, "containerd's configuration is larger than %d bytes",
                     TOML_FILE_MAX);
    }
    ret->length = 0;
    *ret_tables =
        toml_rest((struct text){(const char *)dump.data, dump.length}, config_handlers, ret);
    return buf_check(ret, "containerd's configuration", why);
}

/* The first line that differs, for a sentence. */
static struct text first_difference(const struct buf *one, const struct buf *other)
{
    size_t line = 0;
    size_t i = 0;

    while (i < one->length && i < other->length && one->data[i] == other->data[i]) {
        line = one->data[i] == '\n' ? i + 1 : line;
        i++;
    }
    i = line;
    while (i < one->length && one->data[i] != '\n') {
        i++;
    }
    return (struct text){(const char *)one->data + line, i - line};
}

/* Does containerd read the change as it is meant? */
static int check_change(const struct installation *in, const struct buf *before, size_t wanted,
                        struct fault *why)
{
    AUTO(buf_fini) struct buf after = BUF(TOML_FILE_MAX);
    size_t tables = 0;

    if (dump_rest(in, &after, &tables, why) < 0) {
        return fault_while(why, "let containerd read its new configuration");
    }
    if (tables != wanted) {
        return fault(why, FAULT_STATE,
                     "containerd's new configuration has %zu of Skep's handlers, not "
                     "%zu",
                     tables, wanted);
    }
    if (after.length != before->length ||
        (after.length > 0 && memcmp(after.data, before->data, after.length) != 0)) {
        struct text line = first_difference(before, &after);

        return fault(why, FAULT_STATE,
                     "other settings of containerd would change with it, first: %.*s",
                     line.length > 120 ? 120 : (int)line.length, line.at);
    }
    return 0;
}

/* Until containerd has @wanted of our handlers. */
static int wait_loaded(const struct installation *in, size_t wanted, struct fault *why)
{
    uint64_t deadline = clock_now_ns() + in->wait_ms * NS_PER_MS;

    for (;;) {
        struct fault unheard = {0};
        size_t loaded = 0;
        int done = in->hands->loaded(in->owner, &loaded, &unheard);

        if (done == 0 && loaded == wanted) {
            return 0;
        }
        if (clock_now_ns() >= deadline) {
            return done < 0 ? fault(why, FAULT_TIMEOUT,
                                    "containerd does not answer after its restart: "
                                    "%s",
                                    unheard.text)
                            : fault(why, FAULT_TIMEOUT,
                                    "after its restart containerd has %zu of Skep's "
                                    "handlers, not %zu",
                                    loaded, wanted);
        }
        (void)poll(NULL, 0, WAIT_STEP_MS);
    }
}

static int restart_and_wait(const struct installation *in, size_t wanted, struct fault *why)
{
    if (in->hands->restart(in->owner, why) < 0) {
        return fault_while(why, "restart containerd");
    }
    return wait_loaded(in, wanted, why);
}

/* A change on its way, and what is to be taken back with it. */
struct attempt {
    const struct installation *in;
    struct change *change;
    size_t before; /* how many of our handlers containerd had loaded */
    size_t wanted;
    bool restarted; /* or it was tried */
    char old[PROGRAMS_ID_ROOM];
    bool switched;
};

/* Takes everything back; what cannot be is added to the sentence. Return: always -1. */
static int take_back(struct attempt *attempt, struct fault *why)
{
    const struct installation *in = attempt->in;
    char ignored[PROGRAMS_ID_ROOM];
    struct fault second = {0};
    int done = change_undo(&in->host, attempt->change, &second);

    if (attempt->switched && done == 0) {
        done = programs_switch(&in->host, attempt->old, ignored, &second);
    }
    if (attempt->restarted && done == 0) {
        done = restart_and_wait(in, attempt->before, &second);
    }
    if (done < 0) {
        return fault_while(why, "undo it all (which failed: %.150s)", second.text);
    }
    return fault_while(why, "%s (undone, containerd's configuration is as it was)",
                       attempt->wanted > 0 ? "install Skep" : "remove Skep");
}

/* The configuration is written, and nothing else has happened yet. */
static int carry_out(struct attempt *attempt, const struct buf *rest, struct fault *why)
{
    const struct installation *in = attempt->in;

    if (check_change(in, rest, attempt->wanted, why) < 0) {
        return take_back(attempt, why);
    }
    if (attempt->wanted > 0) {
        if (programs_switch(&in->host, in->programs.id, attempt->old, why) < 0) {
            return take_back(attempt, why);
        }
        attempt->switched = true;
    }
    attempt->restarted = true;
    return restart_and_wait(in, attempt->wanted, why) < 0 ? take_back(attempt, why) : 0;
}

/* Writes a change, and goes on with it or takes it back. */
static int attempt_run(struct attempt *attempt, struct fault *why)
{
    const struct installation *in = attempt->in;
    AUTO(buf_fini) struct buf rest = BUF(TOML_FILE_MAX);
    size_t tables = 0;

    if (dump_rest(in, &rest, &tables, why) < 0) {
        return fault_while(why, "read containerd's configuration as it was before any change");
    }
    if (tables > 0 && !attempt->change->has_ours) {
        return fault(why, FAULT_EXISTS,
                     "containerd's configuration has %zu of Skep's handlers that "
                     "skep-install did not write",
                     tables);
    }
    TRY(change_do(&in->host, attempt->change, why));
    return carry_out(attempt, &rest, why);
}

static int plan(const struct installation *in, const char *programs, struct change *ret,
                struct fault *why)
{
    struct change_question question = {.host = &in->host, .path = in->config, .programs = programs};

    *ret = (struct change){.made_folder = false};
    TRY(in->hands->major(in->owner, &question.containerd, why));
    return change_plan(&question, ret, why);
}

/* Tables of an earlier call, killed before its restart, do not work: they go. Return: -1. */
static int give_up(const struct installation *in, struct fault *why)
{
    AUTO(change_fini) struct change change = {.made_folder = false};
    struct attempt attempt = {.in = in, .change = &change, .wanted = config_handlers_count()};
    struct fault second = {0};
    int done = plan(in, NULL, &change, &second);

    if (done == 0) {
        done = change_do(&in->host, &change, &second);
    }
    if (done < 0) {
        return fault_while(why, "undo it all (which failed: %.150s)", second.text);
    }
    /* From here on the same as an attempt of which nothing but the restart is left to take back. */
    change_fini(&change);
    change = (struct change){.made_folder = false};
    attempt.restarted = true;
    return take_back(&attempt, why);
}

/* The configuration is as it should be: is what runs, too? */
static int settle_install(const struct installation *in, size_t loaded, struct fault *why)
{
    char old[PROGRAMS_ID_ROOM];
    size_t wanted = config_handlers_count();

    TRY(programs_switch(&in->host, in->programs.id, old, why));
    if (loaded == wanted) {
        return strcmp(old, in->programs.id) == 0 || in->host.is_here ? INSTALL_WAS_THERE
                                                                     : INSTALL_DONE;
    }
    return restart_and_wait(in, wanted, why) < 0 ? give_up(in, why) : INSTALL_DONE;
}

int install_node(const struct installation *in, struct fault *why)
{
    AUTO(fd_close) int lock = lock_node(&in->host, why);
    AUTO(change_fini) struct change change = {.made_folder = false};
    struct attempt attempt = {.in = in, .change = &change, .wanted = config_handlers_count()};
    struct fault unheard = {0};
    int copied;

    TRY(lock);
    TRY(plan(in, in->programs.bin, &change, why));
    copied = programs_copy(&in->host, &in->programs, why);
    TRY(copied);
    if (copied == 1) {
        TRY(programs_try(&in->host, &in->programs, why));
    }
    if (in->hands->loaded(in->owner, &attempt.before, &unheard) < 0) {
        *why = unheard;
        return fault_while(why, "ask containerd before any change");
    }
    if (!change_is_needed(&change)) {
        return settle_install(in, attempt.before, why);
    }
    TRY(attempt_run(&attempt, why));
    return INSTALL_DONE;
}

/* The files have nothing of ours, and containerd has loaded it: an earlier call was killed. */
static int restart_forgotten(const struct installation *in, struct fault *why)
{
    AUTO(buf_fini) struct buf rest = BUF(TOML_FILE_MAX);
    size_t tables = 0;

    TRY(dump_rest(in, &rest, &tables, why));
    return tables == 0 ? restart_and_wait(in, 0, why) : 0;
}

static int remove_config(const struct installation *in, struct fault *why)
{
    AUTO(change_fini) struct change change = {.made_folder = false};
    struct attempt attempt = {.in = in, .change = &change};

    TRY(plan(in, NULL, &change, why));
    TRY(in->hands->loaded(in->owner, &attempt.before, why));
    if (change_is_needed(&change)) {
        return attempt_run(&attempt, why);
    }
    return attempt.before > 0 ? restart_forgotten(in, why) : 0;
}

int install_remove(const struct installation *in, struct cri_pods *ret_pods, struct fault *why)
{
    AUTO(fd_close) int lock = lock_node(&in->host, why);
    char old[PROGRAMS_ID_ROOM];
    int left;

    TRY(lock);
    TRY(in->hands->pods(in->owner, ret_pods, why));
    if (ret_pods->count > 0) {
        return INSTALL_IN_USE;
    }
    TRY(remove_config(in, why));
    TRY(programs_switch(&in->host, "", old, why));
    left = programs_sweep(&in->host, "", why);
    TRY(left);
    return INSTALL_GONE;
}
