/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skepd: one process that holds all tasks of one containerd. Started by a launcher, which waits for
 * one byte on descriptor 3 (shim/control.h).
 *
 * Everything is made in order in daemon_open(), and gone in the reverse order.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "oci/images/reader.h"
#include "runtime/sandbox/rights.h"
#include "runtime/supervisor/settings.h"
#include "runtime/supervisor/supervisor.h"
#include "shim/build.h"
#include "shim/control.h"
#include "shim/daemon/control.h"
#include "shim/daemon/doors.h"
#include "shim/daemon/life.h"
#include "shim/daemon/logfile.h"
#include "shim/daemon/options.h"
#include "shim/daemon/window.h"
#include "shim/pod/pods.h"
#include "shim/pod/reservation.h"
#include "shim/task/event.h"
#include "shim/task/logger.h"
#include "shim/task/service.h"

enum { NOFILE_WANTED = 1048576, SOCKET_PATH_ROOM = 256 };

/* Threads for what blocks: mounts, FIFOs of a slow file system, network namespaces. */
#define POOL_THREADS "16"

struct daemon {
    struct options options;
    struct loop *loop;
    struct logfile *logfile;
    struct supervisor *supervisor;
    struct image_reader *images;
    struct reservations *reservations;
    struct pods *pods;
    struct events *events;
    struct service *service;
    struct doors *doors;
    struct control *control;
    struct window *window;
    struct life *life;
};

/* ---- the process ---- */

static void raise_limits(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        struct rlimit more = {NOFILE_WANTED, NOFILE_WANTED};

        if (files.rlim_max >= more.rlim_max || setrlimit(RLIMIT_NOFILE, &more) < 0) {
            files.rlim_cur = files.rlim_max;
            (void)setrlimit(RLIMIT_NOFILE, &files);
        }
    }
}

/* What containerd's unit gave containerd we have inherited; be taken one step before it. */
static void adjust_oom_score(void)
{
    AUTO(fd_close) int file = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    char text[16] = "";
    int score = 0;
    int length;

    if (file < 0 || read(file, text, sizeof(text) - 1) <= 0 || sscanf(text, "%d", &score) != 1 ||
        score >= 1000) {
        return;
    }
    length = snprintf(text, sizeof(text), "%d", score + 1);
    if (pwrite(file, text, (size_t)length, 0) < 0) {
        log_debug("oom score stays", "score=%d", score);
    }
}

static void process_settle(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    (void)setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 1);
    (void)umask(022);
    if (chdir("/") < 0) {
        abort();
    }
    raise_limits();
    adjust_oom_score();
}

/* ---- the end ---- */

static bool has_caller(int listener)
{
    struct pollfd waiting = {.fd = listener, .events = POLLIN};

    return poll(&waiting, 1, 0) > 0;
}

static bool is_needed(void *owner)
{
    const struct daemon *daemon = owner;

    return pods_count(daemon->pods) > 0 || reservations_count(daemon->reservations) > 0 ||
           doors_are_used(daemon->doors) || control_callers(daemon->control) > 0 ||
           loggers_ending() > 0 || has_caller(control_listener(daemon->control));
}

static void ending(void *owner)
{
    const struct daemon *daemon = owner;
    char path[SOCKET_PATH_ROOM];

    (void)snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, daemon->options.state);
    (void)unlink(path);
    doors_unlink(daemon->doors);
    window_unlink(daemon->window);
}

/* ---- making and unmaking ---- */

static int open_makers(struct daemon *daemon, struct fault *why)
{
    const struct options *options = &daemon->options;
    struct settings settings;
    struct supervisor_options supervisor = {.cache_dir = options->cache,
                                            .accept = settings.accept};

    TRY(loop_new(&daemon->loop, why));
    TRY(logfile_open(daemon->loop, options->state, options->debug, &daemon->logfile, why));
    TRY(settings_read(&settings, why));
    supervisor.compile_memory_bytes = settings.compile_memory_bytes;
    supervisor.compile_seconds = settings.compile_cpu_seconds;
    supervisor.threads = settings.threads;
    supervisor.instances = settings.instances;
    TRY(supervisor_new(daemon->loop, &supervisor, &daemon->supervisor, why));
    TRY(image_reader_new(daemon->loop, options->address, settings.accept, &daemon->images, why));
    return events_new(daemon->loop, options->ttrpc, &daemon->events, why);
}

static int daemon_open(struct daemon *daemon, struct fault *why)
{
    struct pods_tools pods = {0};
    struct service_tools service = {0};
    struct control_tools control = {0};
    struct life_plan life = {.folder = daemon->options.state,
                             .idle_ns = daemon->options.idle_seconds * NS_PER_S,
                             .is_needed = is_needed,
                             .ending = ending,
                             .owner = daemon};

    TRY(open_makers(daemon, why));
    daemon->reservations = reservations_new(daemon->loop);
    pods = (struct pods_tools){daemon->loop, daemon->supervisor, daemon->images,
                               daemon->reservations};
    daemon->pods = pods_new(&pods);
    service = (struct service_tools){daemon->loop, daemon->pods, daemon->events};
    daemon->service = service_new(&service, "");
    daemon->doors = doors_new(&service, daemon->options.state);
    control = (struct control_tools){daemon->loop, daemon->pods, daemon->service, daemon->doors,
                                     daemon->options.state};
    TRY(control_new(&control, &daemon->control, why));
    TRY(window_new(daemon->loop, daemon->pods, daemon->options.state, &daemon->window, why));
    life.loop = daemon->loop;
    daemon->life = life_new(&life);
    return 0;
}

/* Half-built ones as well. The lock, in the life, is let go by the end of the program. */
static void daemon_close(struct daemon *daemon)
{
    daemon->window = window_free(daemon->window);
    daemon->control = control_free(daemon->control);
    daemon->doors = doors_free(daemon->doors);
    daemon->service = service_free(daemon->service);
    daemon->pods = pods_free(daemon->pods);
    daemon->reservations = reservations_free(daemon->reservations);
    daemon->events = events_free(daemon->events);
    daemon->images = image_reader_free(daemon->images);
    daemon->supervisor = supervisor_free(daemon->supervisor);
    daemon->logfile = logfile_close(daemon->logfile);
    daemon->life = life_free(daemon->life);
    daemon->loop = loop_free(daemon->loop);
}

/*
 * As long as we run, our file says so by a shared lock: we start workers from its folder, which an
 * installer must not remove (k8s/installer/programs). The descriptor lives until the program ends.
 */
static void hold_program(void)
{
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (self < 0 || flock(self, LOCK_SH | LOCK_NB) < 0) {
        log_warn("program not locked", "an installer may remove it: %s", strerror(errno));
    }
}

/* ---- readiness ---- */

static void tell_ready(int ready, const struct fault *failed)
{
    char words[FAULT_TEXT_MAX + 2];
    int length = snprintf(words, sizeof(words), "%s%s", failed ? "-" : "+",
                          failed ? failed->text : "");

    if (ready >= 0 && write(ready, words, (size_t)length) < 0) {
        log_debug("nobody waited for readiness", "%s", "");
    }
    (void)fd_close(ready);
}

int main(int argc, char **argv)
{
    /* Before anything else is opened: later, 3 might be ours. */
    int ready = fcntl(CONTROL_READY_FD, F_SETFD, FD_CLOEXEC) < 0 ? -1 : CONTROL_READY_FD;
    struct daemon daemon = {0};
    struct fault why = {0};
    int done;

    done = options_read(argc, argv, &daemon.options, &why);
    if (done == OPTIONS_VERSION) {
        (void)printf("skepd %s\n", BUILD_ID);
        return 0;
    }
    if (done == 0) {
        process_settle();
        hold_program();
        done = rights_keep(&why);
    }
    if (done == 0) {
        done = daemon_open(&daemon, &why);
    }
    tell_ready(ready, done < 0 ? &why : NULL);
    if (done < 0) {
        log_error("not started", "%s", why.text);
        (void)fprintf(stderr, "skepd: %s\n", why.text);
        daemon_close(&daemon);
        return fault_exit(why.kind);
    }
    log_info("listening", "build=%s state=%s containerd=%s", BUILD_ID, daemon.options.state,
             daemon.options.address);
    loop_run(daemon.loop);
    daemon_close(&daemon);
    return 0;
}
