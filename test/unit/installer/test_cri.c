/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of CRI's answers; the channel is ours, the socket is real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "k8s/installer/cri.h"
#include "k8s/installer/cri.pb-c.h"
#include "oci/images/call.h"

static const char *const handlers[] = {"skep", "skep-shared", NULL};
static char path[] = "/tmp/skep-cri-XXXXXX";
static uint8_t answer[4096];
static size_t answer_length;
static const char *method;

int channel_open(int connection, own struct channel **ret, struct fault *why)
{
    (void)connection;
    (void)why;
    *ret = NULL;
    return 0;
}

struct channel *channel_free(own struct channel *channel)
{
    return channel;
}

int channel_call(struct channel *channel, const struct question *question, answer_fn *fn,
                 void *owner, struct fault *why)
{
    (void)channel;
    method = question->method;
    return fn(owner, answer, answer_length, why);
}

static char *word(const char *text)
{
    return (char *)(uintptr_t)text;
}

static int count(size_t *ret, struct fault *why)
{
    return cri_count_handlers(path, handlers, ret, why);
}

static void handlers_are_counted(void **state)
{
    Cri__RuntimeHandler names[3] = {CRI__RUNTIME_HANDLER__INIT, CRI__RUNTIME_HANDLER__INIT,
                                    CRI__RUNTIME_HANDLER__INIT};
    Cri__RuntimeHandler *list[] = {&names[0], &names[1], &names[2]};
    Cri__StatusResponse status = CRI__STATUS_RESPONSE__INIT;
    struct fault why = {0};
    size_t found = 9;

    (void)state;
    names[0].name = word("");
    names[1].name = word("runc");
    names[2].name = word("skep");
    status.n_runtime_handlers = 3;
    status.runtime_handlers = list;
    answer_length = cri__status_response__pack(&status, answer);
    assert_int_equal(count(&found, &why), 0);
    assert_int_equal(found, 1);
    assert_string_equal(method, "/runtime.v1.RuntimeService/Status");
}

static void an_old_containerd_has_them_in_its_configuration(void **state)
{
    static const struct row {
        const char *config;
        int done;
        size_t found;
    } rows[] = {
        {"{\"containerd\":{\"runtimes\":{\"runc\":{},\"skep\":{},\"skep-shared\":{}}}}", 0, 2},
        {"{\"containerd\":{\"runtimes\":{\"runc\":{}}}}", 0, 0},
        {"{}", 0, 0},
        {"{", -1, 9},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Cri__Info info[2] = {CRI__INFO__INIT, CRI__INFO__INIT};
        Cri__Info *list[] = {&info[0], &info[1]};
        Cri__StatusResponse status = CRI__STATUS_RESPONSE__INIT;
        struct fault why = {0};
        size_t found = 9;

        info[0].key = word("golang");
        info[0].value = word("\"go1.24\"");
        info[1].key = word("config");
        info[1].value = word(rows[i].config);
        status.n_info = 2;
        status.info = list;
        answer_length = cri__status_response__pack(&status, answer);
        assert_int_equal(count(&found, &why), rows[i].done);
        assert_int_equal(found, rows[i].found);
    }
}

static void pods_of_our_handlers_are_named(void **state)
{
    Cri__PodSandbox pods[6];
    Cri__PodSandbox *list[6];
    Cri__PodSandboxMetadata about[6];
    Cri__ListPodSandboxResponse all = CRI__LIST_POD_SANDBOX_RESPONSE__INIT;
    struct cri_pods found;
    struct fault why = {0};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        pods[i] = (Cri__PodSandbox)CRI__POD_SANDBOX__INIT;
        about[i] = (Cri__PodSandboxMetadata)CRI__POD_SANDBOX_METADATA__INIT;
        about[i].namespace_ = word("default");
        about[i].name = word("pod");
        pods[i].metadata = &about[i];
        pods[i].runtime_handler = word("skep");
        list[i] = &pods[i];
    }
    pods[0].runtime_handler = word("");
    pods[1].state = 1; /* not ready: has ended */
    pods[2].metadata = NULL;
    about[3].name = word("other");
    all.n_items = 6;
    all.items = list;
    answer_length = cri__list_pod_sandbox_response__pack(&all, answer);
    assert_int_equal(cri_find_pods(path, handlers, &found, &why), 0);
    assert_int_equal(found.count, 4);
    assert_string_equal(found.names[0], "");
    assert_string_equal(found.names[1], "default/other");
    assert_string_equal(found.names[2], "default/pod");
}

static void what_is_no_answer_is_refused(void **state)
{
    struct cri_pods pods;
    struct fault why = {0};
    size_t found = 0;

    (void)state;
    memset(answer, 0xff, 16);
    answer_length = 16;
    assert_true(count(&found, &why) < 0);
    assert_true(cri_find_pods(path, handlers, &pods, &why) < 0);
    assert_true(cri_count_handlers("/tmp/skep-no-such-socket", handlers, &found, &why) < 0);
    assert_int_equal(why.kind, FAULT_UNAVAILABLE);
}

/* Something to connect to. */
static int listen_here(void **state)
{
    static int listener = -1;
    struct sockaddr_un where = {.sun_family = AF_UNIX};

    *state = &listener;
    assert_true(mkstemp(path) >= 0);
    assert_int_equal(unlink(path), 0);
    memcpy(where.sun_path, path, sizeof(path));
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(listener, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
           listen(listener, 16) < 0;
}

static int listen_no_more(void **state)
{
    (void)fd_close(*(int *)*state);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_are_counted),
        cmocka_unit_test(an_old_containerd_has_them_in_its_configuration),
        cmocka_unit_test(pods_of_our_handlers_are_named),
        cmocka_unit_test(what_is_no_answer_is_refused),
    };

    return cmocka_run_group_tests(tests, listen_here, listen_no_more);
}
