/* SPDX-License-Identifier: Apache-2.0 */
/* A list, since namespaces are few. A name is a hash, so that a path fits into sun_path. */
#include "shim/daemon/doors.h"

#include <bsd/sys/queue.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/text.h"
#include "shim/control.h"

enum { PATH_ROOM = 108 }; /* of sun_path */

struct door {
    TAILQ_ENTRY(door) link;
    char namespace_id[IDENTIFIER_MAX + 1];
    char path[PATH_ROOM];
    int listener; /* the server's */
    struct service *service;
    struct ttrpc_server *server;
};

TAILQ_HEAD(door_list, door);

struct doors {
    struct service_tools tools;
    const char *folder;
    struct door_list list;
    size_t count;
};

/* FNV-1a, 64 bit. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325ULL;

    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
    }
    return hash;
}

own struct doors *doors_new(const struct service_tools *tools, const char *folder)
{
    struct doors *doors = NEW(struct doors);

    doors->tools = *tools;
    doors->folder = folder;
    TAILQ_INIT(&doors->list);
    return doors;
}

static void door_free(own struct door *door)
{
    door->server = ttrpc_server_free(door->server);
    door->service = service_free(door->service);
    free(door);
}

struct doors *doors_free(own struct doors *doors)
{
    struct door *first = NULL;

    if (doors) {
        while ((first = TAILQ_FIRST(&doors->list)) != NULL) {
            TAILQ_REMOVE(&doors->list, first, link);
            door_free(first);
        }
        free(doors);
    }
    return NULL;
}

static int door_serve(struct doors *doors, struct door *door, struct fault *why)
{
    int listener = -1;

    if (snprintf(door->path, sizeof(door->path), "%s/" CONTROL_TASK_PREFIX "%016" PRIx64 ".sock",
                 doors->folder, hash_of(door->namespace_id)) >= (int)sizeof(door->path)) {
        return fault(why, FAULT_LIMIT, "%s is too long for a socket's path", doors->folder);
    }
    TRY(ttrpc_listen(door->path, &listener, why));
    if (ttrpc_server_new(doors->tools.loop, listener, service_methods(), door->service,
                         &door->server, why) < 0) {
        (void)fd_close(listener);
        return -1;
    }
    door->listener = listener;
    return 0;
}

static int door_new(struct doors *doors, const char *namespace_id, struct door **ret,
                    struct fault *why)
{
    struct door *door = NULL;

    if (doors->count >= DOORS_MAX) {
        return fault(why, FAULT_LIMIT, "there are %d namespaces already", DOORS_MAX);
    }
    door = NEW(struct door);
    (void)snprintf(door->namespace_id, sizeof(door->namespace_id), "%s", namespace_id);
    door->service = service_new(&doors->tools, namespace_id);
    if (door_serve(doors, door, why) < 0) {
        door_free(door);
        return -1;
    }
    TAILQ_INSERT_TAIL(&doors->list, door, link);
    doors->count++;
    *ret = door;
    return 0;
}

int doors_open(struct doors *doors, const char *namespace_id, const char **ret_path,
               struct fault *why)
{
    struct door *door = NULL;

    TAILQ_FOREACH(door, &doors->list, link) {
        if (strcmp(door->namespace_id, namespace_id) == 0) {
            break;
        }
    }
    if (!door) {
        TRY(door_new(doors, namespace_id, &door, why));
    }
    *ret_path = door->path;
    return 0;
}

bool doors_are_used(const struct doors *doors)
{
    const struct door *door = NULL;

    TAILQ_FOREACH(door, &doors->list, link) {
        struct pollfd waiting = {.fd = door->listener, .events = POLLIN};

        if (ttrpc_server_connections(door->server) > 0 || poll(&waiting, 1, 0) > 0) {
            return true;
        }
    }
    return false;
}

void doors_unlink(const struct doors *doors)
{
    const struct door *door = NULL;

    TAILQ_FOREACH(door, &doors->list, link) {
        (void)unlink(door->path);
    }
}
