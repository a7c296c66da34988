/* SPDX-License-Identifier: Apache-2.0 */
/* Two levels, each with the members that its table knows. */
#include "runtime/supervisor/settings.h"

#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/sandbox/sandbox.h"

enum { NAMES_ROOM = 128 };

static bool is_known(const char *key, const struct node_field *fields)
{
    while (fields->key && strcmp(key, fields->key) != 0) {
        fields++;
    }
    return fields->key != NULL;
}

/* Reads what is in @fields; anything else in @object is an error. */
static int read_object(const struct node *object, const char *what,
                       const struct node_field *fields, void *ret, struct fault *why)
{
    char known[NAMES_ROOM] = "";

    for (const struct node_field *field = fields; field->key; field++) {
        size_t length = strlen(known);

        (void)snprintf(known + length, sizeof(known) - length, "%s\"%s\"",
                       length > 0 ? " and " : "", field->key);
    }
    for (size_t i = 0; i < node_count(object); i++) {
        const char *key = NULL;

        (void)node_at(object, i, &key);
        if (!is_known(key, fields)) {
            return fault(why, FAULT_INVALID, "%s has no member \"%.64s\", only %s", what, key,
                         known);
        }
    }
    return node_read(object, what, fields, ret, why);
}

static int read_accepted(const struct node *list, struct buf *names, struct fault *why)
{
    for (size_t i = 0; i < node_count(list); i++) {
        struct text name;

        if (!node_text(node_item(list, i), &name) || name.length == 0 ||
            memchr(name.at, ',', name.length)) {
            return fault(why, FAULT_INVALID, "walls.accept_missing[%zu] is no name of a wall", i);
        }
        buf_print(names, "%s%.*s", i > 0 ? "," : "", (int)name.length, name.at);
    }
    return buf_check(names, "walls.accept_missing", why);
}

static int read_walls(const struct node *walls, struct settings *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf names = BUF(sizeof(ret->accept) - 1);
    const struct node *list = NULL;
    const struct node_field fields[] = {
        {"accept_missing", NODE_LIST, false, 0, 0, SETTINGS_WALLS_MAX},
        {NULL, NODE_NULL, false, 0, 0, 0}};
    uint32_t accepted = 0;

    TRY(read_object(walls, "walls", fields, (void *)&list, why));
    TRY(read_accepted(list, &names, why));
    TRY(sandbox_accept((struct text){(const char *)names.data, names.length}, &accepted, why));
    memcpy(ret->accept, names.length > 0 ? (const char *)names.data : "", names.length);
    return 0;
}

static int read_compiler(const struct node *compiler, struct settings *ret, struct fault *why)
{
    struct read {
        int64_t memory_bytes;
        int64_t cpu_seconds;
    } read = {0};
    const struct node_field fields[] = {
        {"memory_bytes", NODE_INTEGER, false, offsetof(struct read, memory_bytes),
         SETTINGS_COMPILE_MEMORY_LEAST, SETTINGS_COMPILE_MEMORY_MOST},
        {"cpu_seconds", NODE_INTEGER, false, offsetof(struct read, cpu_seconds), 1,
         SETTINGS_COMPILE_SECONDS_MOST},
        {NULL, NODE_NULL, false, 0, 0, 0}};

    TRY(read_object(compiler, "compiler", fields, &read, why));
    ret->compile_memory_bytes = (uint64_t)read.memory_bytes;
    ret->compile_cpu_seconds = (uint64_t)read.cpu_seconds;
    return 0;
}

static int read_engine(const struct node *engine, struct settings *ret, struct fault *why)
{
    struct read {
        int64_t threads;
        int64_t instances;
    } read = {0};
    const struct node_field fields[] = {
        {"threads", NODE_INTEGER, false, offsetof(struct read, threads), 1, SETTINGS_THREADS_MOST},
        {"instances", NODE_INTEGER, false, offsetof(struct read, instances), 1,
         SETTINGS_INSTANCES_MOST},
        {NULL, NODE_NULL, false, 0, 0, 0}};

    TRY(read_object(engine, "engine", fields, &read, why));
    ret->threads = (uint32_t)read.threads;
    ret->instances = (uint32_t)read.instances;
    return 0;
}

static int read_root(const struct node *root, struct settings *ret, struct fault *why)
{
    struct read {
        const struct node *walls;
        const struct node *compiler;
        const struct node *engine;
    } read = {NULL};
    const struct node_field fields[] = {
        {"walls", NODE_OBJECT, false, offsetof(struct read, walls), 0, 0},
        {"compiler", NODE_OBJECT, false, offsetof(struct read, compiler), 0, 0},
        {"engine", NODE_OBJECT, false, offsetof(struct read, engine), 0, 0},
        {NULL, NODE_NULL, false, 0, 0, 0}};

    if (node_type(root) != NODE_OBJECT) {
        return fault(why, FAULT_INVALID, "the whole must be an object");
    }
    TRY(read_object(root, "it", fields, &read, why));
    if (read.walls) {
        TRY(read_walls(read.walls, ret, why));
    }
    if (read.compiler) {
        TRY(read_compiler(read.compiler, ret, why));
    }
    return read.engine ? read_engine(read.engine, ret, why) : 0;
}

int settings_read(struct settings *ret, struct fault *why)
{
    const char *chosen = getenv("SKEP_CONFIG");
    const char *path = chosen && chosen[0] != '\0' ? chosen : SETTINGS_PATH;
    AUTO(buf_fini) struct buf bytes = BUF(SETTINGS_BYTES_MAX);
    AUTO(fd_close) int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    AUTO(node_free) struct node *root = NULL;

    *ret = (struct settings){.accept = ""};
    if (file < 0 && errno == ENOENT && path != chosen) {
        return 0;
    }
    if (file < 0) {
        return fault_sys(why, -errno, "read the settings of this node, %.200s", path);
    }
    if (fs_read_fd(file, "the settings of this node", &bytes, why) < 0 ||
        node_parse((struct text){(const char *)bytes.data, bytes.length}, path,
                   SETTINGS_BYTES_MAX, &root, why) < 0 ||
        read_root(root, ret, why) < 0) {
        return fault_while(why, "read the settings of this node, %.200s", path);
    }
    return 0;
}
