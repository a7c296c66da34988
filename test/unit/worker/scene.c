/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of the socket are on one loop, so nothing here waits but the loop. */
#include "test/unit/worker/scene.h"

#include "runtime/stats/switchboard.h"

static void on_message(void *owner, const struct message *message, int *fds, size_t count)
{
    struct scene *scene = (struct scene *)owner;

    (void)fds;
    (void)count;
    scene->lines += message->kind == MESSAGE_LOG ? 1 : 0;
    if (message->kind == MESSAGE_STARTED) {
        scene->started[message->started.task % 4096] = true;
    }
    if (message->kind == MESSAGE_EXITED && !scene->started[message->exited.task % 4096]) {
        scene->in_order = false;
    }
    if (message->kind == scene->wanted && scene->count > 0) {
        scene->last = *message;
        if (--scene->count == 0) {
            loop_stop(scene->loop);
        }
    }
}

static void on_end(void *owner, const struct fault *failed)
{
    struct scene *scene = (struct scene *)owner;

    assert_null(failed);
    scene->ended = true;
    loop_stop(scene->loop);
}

static void on_deadline(void *owner)
{
    (void)owner;
    fail_msg("nothing happened within 30 seconds");
}

void scene_await(struct scene *scene, enum message_kind kind, size_t count)
{
    struct loop_timer *deadline = loop_timer_new(scene->loop, on_deadline, NULL);

    scene->wanted = kind;
    scene->count = count;
    loop_timer_set(deadline, 30 * NS_PER_S);
    while (scene->count > 0) { /* the worker, on the same loop, may stop it before us */
        loop_run(scene->loop);
    }
    (void)loop_timer_free(deadline);
}

static int doors(void *owner, struct message_ready *ready, int *ret_listener, struct fault *why)
{
    (void)owner;
    (void)ret_listener;
    (void)why;
    message_set_text(ready->walls, sizeof(ready->walls), "none in tests");
    return 0;
}

void scene_send(struct scene *scene, const struct message *message, const int *fds, size_t count)
{
    struct fault why = {0};

    if (channel_send(scene->channel, message, fds, count, &why) < 0) {
        fail_msg("%s", why.text);
    }
}

void scene_begin(struct scene *scene)
{
    static const struct channel_events events = {.on_message = on_message, .on_end = on_end};
    struct worker_plan plan = {.ready = doors};
    struct fault why = {0};
    int pair[2];

    *scene = (struct scene){.in_order = true};
    memset(&fake_seen, 0, sizeof(fake_seen));
    assert_int_equal(loop_new(&scene->loop, &why), 0);
    assert_int_equal(stats_page_new(&scene->page, &why), 0);
    assert_int_equal(switchboard_new(&scene->board, &why), 0);
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(channel_new(scene->loop, pair[0], MESSAGE_UP, &events, scene,
                                 &scene->channel, &why), 0);
    plan.loop = scene->loop;
    plan.socket = pair[1];
    assert_int_equal(worker_new(&plan, &scene->worker, &why), 0);
}

void scene_hello(struct scene *scene, uint32_t version, uint32_t instances)
{
    struct message hello = {.kind = MESSAGE_HELLO,
                            .hello = {.version = version, .instances = instances}};
    int fds[] = {fd_duplicate(stats_page_memory(scene->page)),
                 fd_duplicate(switchboard_memory(scene->board))};

    scene_send(scene, &hello, fds, ARRAY_SIZE(fds));
}

void scene_load(struct scene *scene, uint64_t component, const char *bytes)
{
    struct message load = {.kind = MESSAGE_LOAD, .load = {.component = component}};
    int memory = fs_memory("component", bytes, strlen(bytes));

    scene_send(scene, &load, &memory, 1);
}

void scene_ready(struct scene *scene)
{
    scene_begin(scene);
    scene_hello(scene, MESSAGE_VERSION, 0);
    scene_await(scene, MESSAGE_READY, 1);
    scene_load(scene, 1, "command");
    scene_await(scene, MESSAGE_LOADED, 1);
    assert_int_equal(scene->last.loaded.ok, 1);
}

void scene_end(struct scene *scene)
{
    (void)channel_free(scene->channel);
    (void)worker_free(scene->worker);
    (void)stats_page_free(scene->page);
    (void)switchboard_free(scene->board);
    (void)loop_free(scene->loop);
    assert_int_equal(fake_seen.tasks, 0);
    assert_int_equal(fake_seen.components, 0);
    assert_true(scene->in_order);
}

int grant_memory(const char *behaviour, size_t folders)
{
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct grant_folder shown[GRANT_FOLDERS_MAX] = {0};
    char guest[] = "/data";
    char argument[64];
    char *args[] = {argument};
    struct grant grant = {.args = args,
                          .args_count = 1,
                          .folders = shown,
                          .folders_count = folders,
                          .limits = {.memory_bytes = 77, .queue_ns = 88}};
    struct fault why = {0};

    (void)snprintf(argument, sizeof(argument), "%s", behaviour);
    for (size_t i = 0; i < folders; i++) {
        shown[i].guest = guest;
    }
    assert_int_equal(grant_encode(&grant, &bytes, &why), 0);
    return fs_memory("grant", bytes.data, bytes.length);
}

void scene_start(struct scene *scene, uint64_t task, const char *behaviour)
{
    struct message start = {.kind = MESSAGE_START,
                            .start = {.task = task, .component = 1, .slot = 5}};
    int memory = grant_memory(behaviour, 0);

    scene_send(scene, &start, &memory, 1);
}

void scene_ask(struct scene *scene, enum message_kind kind, uint64_t task)
{
    struct message message = {.kind = kind, .kill = {.task = task}};

    scene_send(scene, &message, NULL, 0);
}
