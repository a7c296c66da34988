/* SPDX-License-Identifier: Apache-2.0 */
/* The number of the descriptor stays the same over a turn: dup3() swaps the file below it. */
#include "shim/daemon/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "shim/control.h"

enum { LOOK_SECONDS = 10, PATH_ROOM = 256 };

struct logfile {
    int fd;
    struct loop_timer *timer;
    char path[PATH_ROOM];
};

static int file_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

    return fd < 0 ? -errno : fd;
}

int logfile_open(struct loop *loop, const char *folder, bool debug, own struct logfile **ret,
                 struct fault *why)
{
    struct logfile *logfile = NEW(struct logfile);

    (void)snprintf(logfile->path, sizeof(logfile->path), "%s/" CONTROL_LOG, folder);
    logfile->fd = file_open(logfile->path);
    if (logfile->fd < 0) {
        int done = logfile->fd;

        free(logfile);
        return fault_sys(why, done, "open %s/" CONTROL_LOG, folder);
    }
    (void)dup2(logfile->fd, STDERR_FILENO);
    log_open(logfile->fd, "skepd", debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    logfile->timer = loop_timer_new(loop, logfile_look, logfile);
    loop_timer_set(logfile->timer, LOOK_SECONDS * NS_PER_S);
    *ret = logfile;
    return 0;
}

struct logfile *logfile_close(own struct logfile *logfile)
{
    if (logfile) {
        log_open(-1, "skepd", LOG_LEVEL_ERROR);
        (void)loop_timer_free(logfile->timer);
        (void)fd_close(logfile->fd);
        free(logfile);
    }
    return NULL;
}

static void turn(struct logfile *logfile)
{
    AUTO(fd_close) int fresh = -1;
    char before[PATH_ROOM + 2];

    (void)snprintf(before, sizeof(before), "%s.1", logfile->path);
    if (rename(logfile->path, before) < 0) {
        return;
    }
    fresh = file_open(logfile->path);
    if (fresh >= 0) {
        (void)dup3(fresh, logfile->fd, O_CLOEXEC);
        (void)dup2(fresh, STDERR_FILENO);
    }
}

void logfile_look(void *owner)
{
    struct logfile *logfile = owner;
    struct stat status;

    if (fstat(logfile->fd, &status) == 0 && status.st_size > LOGFILE_BYTES_MAX) {
        turn(logfile);
    }
    loop_timer_set(logfile->timer, LOOK_SECONDS * NS_PER_S);
}
