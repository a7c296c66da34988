/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep doctor: the walls of a worker are built for real, in a child that then tells and ends. So
 * there is no second list of them, and what stands here stands there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/doctor.h"
#include "cli/verbs.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/supervisor/settings.h"

/* In the child the walls change it. */
static uid_t geteuid_at_start;

struct report {
    uint32_t accepted; /* of skep.json */
    bool is_whole;     /* every wall was tried */
    struct finding walls[FINDINGS_MAX];
    size_t walls_count;
    struct finding kernel[FINDINGS_MAX];
    size_t kernel_count;
};

/* ---- the child ---- */

enum { TELL_FD = 3 };

static int enter(struct sandbox *sandbox, struct fault *why)
{
    const struct sandbox_options options = {.keep_user = geteuid() != 0,
                                            .fds_kept = TELL_FD + 1,
                                            .accepted = SANDBOX_ACCEPT_ALL};
    int listener = -1;

    TRY(sandbox_enter_early(SANDBOX_WORKER, &options, sandbox, why));
    TRY(notify_sockets(sandbox, &listener, why));
    (void)fd_close(listener);
    return sandbox_enter_late(sandbox, why);
}

/* @is_whole: all walls were tried. */
static void wall_find(const struct sandbox_wall *wall, bool is_accepted, bool is_whole,
                      struct finding *ret)
{
    static const char *const states[] = {[SANDBOX_NOT_MEANT] = "not meant",
                                         [SANDBOX_STANDS] = "stands",
                                         [SANDBOX_MISSING] = "missing"};
    bool is_missing = wall->state == SANDBOX_MISSING;
    const char *state = states[wall->state];

    if (!is_whole && wall->state != SANDBOX_STANDS) {
        state = "not tried";
    } else if (is_missing && is_accepted) {
        state = "accepted";
    }
    (void)snprintf(ret->name, sizeof(ret->name), "%s", wall->name);
    (void)snprintf(ret->state, sizeof(ret->state), "%s", state);
    (void)snprintf(ret->words, sizeof(ret->words), "%s%s%s", wall->words,
                   wall->is_needed ? "" : " (a second wall where others stand)",
                   is_missing && is_accepted ? " (missing; accepted by skep.json)" : "");
    /* An ordinary user cannot build them all, and is told so; that is not the node's fault. */
    ret->is_fault = is_missing && wall->is_needed && !is_accepted && geteuid_at_start == 0;
}

/* The walls that were tried are told even when one of them failed. */
static int child_main(uint32_t accepted)
{
    struct finding findings[FINDINGS_MAX] = {0};
    struct sandbox sandbox = {0};
    struct sandbox_wall wall;
    struct fault why = {0};
    size_t count = 0;
    bool is_whole = enter(&sandbox, &why) == 0;

    if (!is_whole) {
        (void)dprintf(STDERR_FILENO, "skep: %s\n", why.text);
    }
    while (count < FINDINGS_MAX && sandbox_wall(&sandbox, count, &wall)) {
        wall_find(&wall, (accepted & 1U << count) != 0, is_whole, &findings[count]);
        count++;
    }
    return write(TELL_FD, findings, count * sizeof(findings[0])) > 0 && is_whole ? 0 : 1;
}

/* ---- the parent ---- */

static int look_at_walls(struct report *report, struct fault *why)
{
    int ends[2];
    int status = 0;
    ssize_t got = 0;
    pid_t child;

    if (pipe(ends) < 0) {
        return fault_sys(why, -errno, "make a pipe");
    }
    child = fork();
    if (child == 0) {
        if (ends[0] != TELL_FD) {
            (void)fd_close(ends[0]);
        }
        _exit(ends[1] == TELL_FD || dup2(ends[1], TELL_FD) == TELL_FD
                  ? child_main(report->accepted)
                  : 1);
    }
    (void)fd_close(ends[1]);
    /* One write of less than PIPE_BUF's multiple may come in parts. */
    while (child > 0 && (size_t)got < sizeof(report->walls)) {
        ssize_t more = read(ends[0], (char *)report->walls + got, sizeof(report->walls) - (size_t)got);

        if (more <= 0) {
            break;
        }
        got += more;
    }
    (void)fd_close(ends[0]);
    report->walls_count = (size_t)got / sizeof(report->walls[0]);
    if (child < 0 || waitpid(child, &status, 0) < 0 || report->walls_count == 0) {
        return fault(why, FAULT_UNAVAILABLE, "the walls cannot be tried here");
    }
    report->is_whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return 0;
}

static void print_table(const char *title, const struct finding *findings, size_t count)
{
    (void)printf("%s\n", title);
    for (size_t i = 0; i < count; i++) {
        (void)printf("  %-14s %-10s %s\n", findings[i].name, findings[i].state, findings[i].words);
    }
}

static void put_json(struct buf *out, const char *key, const struct finding *findings, size_t count)
{
    buf_print(out, "\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        buf_print(out, "%s{\"name\":", i > 0 ? "," : "");
        buf_put_json(out, text_of(findings[i].name));
        buf_print(out, ",\"state\":");
        buf_put_json(out, text_of(findings[i].state));
        buf_print(out, ",\"words\":");
        buf_put_json(out, text_of(findings[i].words));
        buf_print(out, "}");
    }
    buf_print(out, "]");
}

static void print_json(const struct report *report, size_t missing)
{
    AUTO(buf_fini) struct buf out = BUF(64 * 1024);

    buf_print(&out, "{");
    put_json(&out, "walls", report->walls, report->walls_count);
    buf_print(&out, ",");
    put_json(&out, "kernel", report->kernel, report->kernel_count);
    buf_print(&out, ",\"missing\":%zu}%c", missing, 0);
    (void)puts((const char *)out.data);
}

static void print_report(const struct report *report, size_t missing)
{
    print_table(geteuid() == 0 ? "walls of a worker" : "walls of skep run, as this user",
                report->walls, report->walls_count);
    print_table("kernel", report->kernel, report->kernel_count);
    if (!report->is_whole) {
        (void)printf("a wall could not be built\n");
    } else if (missing > 0) {
        (void)printf("%zu missing\n", missing);
    } else {
        (void)printf("all that is needed stands\n");
    }
}

int verb_doctor(int argc, char **argv, struct fault *why)
{
    struct report report = {.walls_count = 0};
    struct settings settings;
    bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0;
    size_t missing = 0;

    if (argc > 1 && !as_json) {
        return verb_misused(argv[0], "there is only --json", why);
    }
    geteuid_at_start = geteuid();
    TRY(settings_read(&settings, why));
    TRY(sandbox_accept(text_of(settings.accept), &report.accepted, why));
    TRY(look_at_walls(&report, why));
    report.kernel_count = doctor_kernel(report.kernel, FINDINGS_MAX);
    for (size_t i = 0; i < report.walls_count; i++) {
        missing += report.walls[i].is_fault ? 1 : 0;
    }
    if (as_json) {
        print_json(&report, missing);
    } else {
        print_report(&report, missing);
    }
    return missing == 0 && report.is_whole ? 0 : 1;
}
