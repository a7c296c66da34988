/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every attack is a process of its own, behind the walls of a worker, served by one broker. Beside
 * it lives another worker, which must be able to do its own work after each.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "runtime/broker/folder.h"
#include "runtime/broker/idmap.h"
#include "runtime/broker/netns.h"
#include "runtime/broker/sockets.h"
#include "runtime/grant/grant.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/stats/switchboard.h"
#include "test/privileged/attacks/captured/captured.h"
#include "test/privileged/broker/scene.h"

enum { NOT_ENTERED = 200, PATIENCE_S = 60 };

/* A worker as its supervisor has it. */
struct captive {
    struct switchboard *board;
    struct sockets_worker *desk;
    uint32_t network;
    int pair[2];
    int pid;
};

static struct pod pods[PODS];
static struct sockets *sockets;
static int folders[3]; /* for FAR_FOLDER, OWN_FOLDER, SEALED */
static struct fault why;

static NORETURN void give_up(const char *what)
{
    (void)printf("attack_captured: %s: %s\n", what, why.text);
    exit(1);
}

/* ---- what a worker has ---- */

static void write_volume(const char *path)
{
    char name[256];

    (void)snprintf(name, sizeof(name), "%s/secret", path);
    int file = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    (void)snprintf(name, sizeof(name), "%s/volume", path);
    bool made = file >= 0 && mkdir(name, 0755) == 0;
    int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)fd_close(file);
    file = openat(folder, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    made = made && file >= 0 && fs_write_all(file, "bytes", 5) == 0 &&
           symlinkat("/etc/passwd", folder, "to-passwd") == 0 &&
           symlinkat("../secret", folder, "to-above") == 0 && fchmod(folder, 0777) == 0;
    (void)fd_close(file);
    (void)fd_close(folder);
    if (!made) {
        give_up("write the volume");
    }
}

static void open_folders(const char *path)
{
    char far[256];
    struct grant_folder wanted[2];
    struct grant grant = {.folders = wanted, .folders_count = 2};
    struct idmaps *idmaps = idmaps_new(sandbox_user(SANDBOX_WORKER));
    const struct folders_plan plan = {.grant = &grant, .idmaps = idmaps};
    struct folders *opened = NULL;

    (void)snprintf(far, sizeof(far), "%s/volume", path);
    wanted[0] = (struct grant_folder){.source = far, .guest = (char[]){"/far"}, .read_only = true};
    wanted[1] = (struct grant_folder){.source = far, .guest = (char[]){"/own"}};
    if (folders_open(&plan, &opened, &why) < 0) {
        give_up("open the folders");
    }
    folders[0] = fd_duplicate(folders_at(opened, 0)->dir);
    folders[1] = fd_duplicate(folders_at(opened, 1)->dir);
    folders[2] = fs_memory("component", "\0asm", 4);
    (void)folders_close(opened);
    (void)idmaps_free(idmaps);
}

static int enter(int supervisor)
{
    const struct sandbox_options options = {.fds_kept = SEALED + 1};
    struct sandbox sandbox = {0};
    int listener = -1;
    char byte;

    /* In two steps: a target may be the place of another source. */
    for (int i = 0; i < 3; i++) {
        folders[i] = fcntl(folders[i], F_DUPFD_CLOEXEC, 100);
    }
    if (dup2(supervisor, 3) < 0 || dup2(folders[0], FAR_FOLDER) < 0 ||
        dup2(folders[1], OWN_FOLDER) < 0 || dup2(folders[2], SEALED) < 0 ||
        sandbox_enter_early(SANDBOX_WORKER, &options, &sandbox, &why) < 0 ||
        notify_sockets(&sandbox, &listener, &why) < 0 || sandbox_enter_late(&sandbox, &why) < 0 ||
        fd_send(3, "l", 1, &listener, 1) < 0) {
        (void)dprintf(2, "%s\n", why.text);
        return NOT_ENTERED;
    }
    (void)fd_close(listener);
    return read(3, &byte, 1) == 1 ? 0 : NOT_ENTERED;
}

static void captive_admit(struct captive *captive, const struct pod *pod)
{
    char byte;
    int listener = -1;
    size_t count = 1;

    captive->pair[1] = fd_close(captive->pair[1]);
    if (fd_receive(captive->pair[0], &byte, 1, &listener, &count) != 1 || count != 1 ||
        sockets_admit(sockets, listener, captive->board, &captive->desk, &why) < 0 ||
        sockets_grant(captive->desk, netns_descriptor(pod->netns), &captive->network, &why) < 0) {
        give_up("admit a worker");
    }
    if (fd_send(captive->pair[0], "g", 1, NULL, 0) < 0) {
        give_up("let a worker go");
    }
}

static void captive_prepare(struct captive *captive)
{
    *captive = (struct captive){.pid = 0};
    if (switchboard_new(&captive->board, &why) < 0 || fd_pair(captive->pair) < 0) {
        give_up("prepare a worker");
    }
}

static void captive_end(struct captive *captive)
{
    captive->desk = sockets_dismiss(captive->desk);
    captive->board = switchboard_free(captive->board);
    captive->pair[0] = fd_close(captive->pair[0]);
}

/* ---- the neighbour ---- */

/* For each byte: is there a socket in its own pod? */
static int be_neighbour(const struct captive *captive)
{
    uint32_t *slots = switchboard_slots(captive->board);
    char byte;

    if (enter(captive->pair[1]) != 0) {
        return NOT_ENTERED;
    }
    slots[gettid()] = 2;
    while (read(3, &byte, 1) == 1) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        byte = fd >= 0 ? 'y' : 'n';
        (void)fd_close(fd);
        if (write(3, &byte, 1) != 1) {
            return 1;
        }
    }
    return 0;
}

static void neighbour_begin(struct captive *captive)
{
    uint32_t unused = 0;

    captive_prepare(captive);
    captive->pid = fork();
    if (captive->pid == 0) {
        (void)fd_close(captive->pair[0]);
        _exit(be_neighbour(captive));
    }
    captive_admit(captive, &pods[1]);
    /* Its second network: a number that the attacker never had. */
    if (sockets_grant(captive->desk, netns_descriptor(pods[1].netns), &unused, &why) < 0) {
        give_up("grant a network");
    }
}

static bool neighbour_works(const struct captive *captive)
{
    char byte = '?';

    return write(captive->pair[0], "?", 1) == 1 && read(captive->pair[0], &byte, 1) == 1 &&
           byte == 'y';
}

/* ---- an attack ---- */

static int be_attacker(const struct captive *captive, const struct captive *neighbour,
                       const struct attack *attack)
{
    const struct victims victims = {.supervisor = getppid(),
                                    .other = neighbour->pid,
                                    .memory = &sockets,
                                    .slots = switchboard_slots(captive->board),
                                    .given = 1,
                                    .foreign = 2,
                                    .cookie = pods[0].cookie};
    int done = enter(captive->pair[1]);

    return done != 0 ? done : attack->run(&victims);
}

/* As attack.expected is. */
static int outcome_of(int status)
{
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS ? KILLED : NOT_ENTERED + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

static void say(const struct attack *attack, int outcome, bool works)
{
    char words[96];

    if (outcome == KILLED) {
        (void)snprintf(words, sizeof(words), "ended by SIGSYS");
    } else if (outcome == WORKED) {
        (void)snprintf(words, sizeof(words), "it worked");
    } else {
        (void)snprintf(words, sizeof(words), "%s", strerrorname_np(outcome)
                                                        ? strerrorname_np(outcome)
                                                        : "an odd end");
    }
    (void)printf("ATTACK\tcaptured-%s\tcaptured worker: %s\t%s\t%s; its neighbour %s\t%s\n",
                 attack->id, attack->words, attack->wall, words,
                 works ? "goes on" : "does not work", works && outcome == attack->expected
                                                          ? "held"
                                                          : "broken");
    (void)fflush(stdout);
}

static bool attack_once(const struct attack *attack, const struct captive *neighbour)
{
    struct captive captive;
    int status = 0;
    bool works;
    int outcome;

    captive_prepare(&captive);
    captive.pid = fork();
    if (captive.pid == 0) {
        (void)fd_close(captive.pair[0]);
        (void)alarm(PATIENCE_S);
        _exit(be_attacker(&captive, neighbour, attack));
    }
    captive_admit(&captive, &pods[0]);
    (void)waitpid(captive.pid, &status, 0);
    outcome = outcome_of(status);
    works = neighbour_works(neighbour);
    say(attack, outcome, works);
    captive_end(&captive);
    return works && outcome == attack->expected;
}

static int attack_all(const struct captive *neighbour)
{
    const struct attacks *const lists[] = {&attacks_on_kernel, &attacks_on_files,
                                           &attacks_on_sockets};
    int broken = 0;

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        for (size_t j = 0; j < lists[i]->count; j++) {
            broken += attack_once(&lists[i]->at[j], neighbour) ? 0 : 1;
        }
    }
    return broken;
}

int main(void)
{
    const struct sockets_options options = {.user = sandbox_user(SANDBOX_WORKER)};
    char path[] = "/tmp/skep-captured-XXXXXX";
    char command[64];
    struct captive neighbour;
    int broken;

    if (geteuid() != 0) {
        (void)printf("skipped: not root\n");
        return 77;
    }
    if (!mkdtemp(path) || chmod(path, 0755) < 0) {
        give_up("make a folder");
    }
    write_volume(path);
    open_folders(path);
    for (int i = 0; i < PODS; i++) {
        pod_begin(&pods[i]);
    }
    if (sockets_new(&options, &sockets, &why) < 0) {
        give_up("start the broker");
    }
    neighbour_begin(&neighbour);
    broken = attack_all(&neighbour);
    captive_end(&neighbour);
    (void)waitpid(neighbour.pid, NULL, 0);
    sockets = sockets_free(sockets);
    (void)snprintf(command, sizeof(command), "rm -rf %s", path);
    return system(command) == 0 && broken == 0 ? 0 : 1;
}
