/* SPDX-License-Identifier: Apache-2.0 */
/* The child is forked before there are threads that answer it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "runtime/broker/netns.h"
#include "runtime/broker/sockets.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/stats/switchboard.h"
#include "test/privileged/broker/scene.h"

static struct fault why;

uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);

    (void)getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length);
    return cookie;
}

struct sockaddr_in the_address(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(80),
                                .sin_addr.s_addr = htonl(0x0a000001)};
}

/* A namespace that has 10.0.0.1 and serves port 80 there. */
void pod_begin(struct pod *pod)
{
    AUTO(netns_leave) int home = -1;
    struct sockaddr_in at = the_address();
    struct ifreq request = {.ifr_name = "lo"};

    assert_int_equal(netns_new(&pod->netns, &why), 0);
    assert_int_equal(netns_enter(netns_descriptor(pod->netns), &home, &why), 0);
    pod->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(&request.ifr_addr, &at, sizeof(at));
    assert_int_equal(ioctl(pod->server, SIOCSIFADDR, &request), 0);
    assert_int_equal(bind(pod->server, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(pod->server, 4096), 0);
    pod->cookie = cookie_of(pod->server);
}

static int be_worker(int supervisor, const struct script *script, script_fn *run)
{
    const struct sandbox_options options = {.uid = sandbox_user(SANDBOX_WORKER)};
    struct sandbox sandbox = {0};
    int listener = -1;
    char byte;

    if (sandbox_enter_early(SANDBOX_WORKER, &options, &sandbox, &why) < 0 ||
        notify_sockets(&sandbox, &listener, &why) < 0 ||
        sandbox_enter_late(&sandbox, &why) < 0) {
        (void)fprintf(stderr, "%s\n", why.text);
        return 101;
    }
    if (fd_send(supervisor, "l", 1, &listener, 1) < 0) {
        return 102;
    }
    (void)fd_close(listener);
    return read(supervisor, &byte, 1) == 1 ? run(script) : 103;
}

void scene_begin(struct scene *scene, const struct sockets_options *options, script_fn *run)
{
    struct script script = {0};
    char byte;
    int listener = -1;
    size_t count = 1;

    *scene = (struct scene){0};
    for (int i = 0; i < PODS; i++) {
        pod_begin(&scene->pods[i]);
        scene->ids[i] = script.ids[i] = (uint32_t)i + 1;
        script.cookies[i] = scene->pods[i].cookie;
    }
    assert_int_equal(switchboard_new(&scene->board, &why), 0);
    script.slots = switchboard_slots(scene->board);
    assert_int_equal(fd_pair(scene->pair), 0);
    scene->child = fork();
    if (scene->child == 0) {
        (void)fd_close(scene->pair[0]);
        _exit(be_worker(scene->pair[1], &script, run));
    }
    scene->pair[1] = fd_close(scene->pair[1]);
    assert_int_equal(fd_receive(scene->pair[0], &byte, 1, &listener, &count), 1);
    assert_int_equal(count, 1);
    assert_int_equal(sockets_new(options, &scene->sockets, &why), 0);
    assert_int_equal(sockets_admit(scene->sockets, listener, scene->board, &scene->worker, &why),
                     0);
    for (int i = 0; i < PODS; i++) {
        uint32_t id = 0;

        assert_int_equal(
            sockets_grant(scene->worker, netns_descriptor(scene->pods[i].netns), &id, &why), 0);
        assert_int_equal(id, scene->ids[i]);
    }
}

void scene_go(struct scene *scene)
{
    assert_int_equal(fd_send(scene->pair[0], "g", 1, NULL, 0), 0);
}

int scene_wait(struct scene *scene)
{
    int status = 0;

    assert_int_equal(waitpid(scene->child, &status, 0), scene->child);
    return status;
}

void scene_end(struct scene *scene)
{
    scene->worker = sockets_dismiss(scene->worker);
    scene->sockets = sockets_free(scene->sockets);
    scene->board = switchboard_free(scene->board);
    for (int i = 0; i < PODS; i++) {
        (void)fd_close(scene->pods[i].server);
        scene->pods[i].netns = netns_free(scene->pods[i].netns);
    }
    (void)fd_close(scene->pair[0]);
}
