/* SPDX-License-Identifier: Apache-2.0 */
/* Two levels, each with the members that it knows. */
#include "runtime/supervisor/settings.h"

#include <fcntl.h>
#include <errno.h>
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

/* Only the member @known may be in @object. */
static int check_members(const struct node *object, const char *what, const char *known,
                         struct fault *why)
{
    for (size_t i = 0; i < node_count(object); i++) {
        const char *key = NULL;

        (void)node_at(object, i, &key);
        if (strcmp(key, known) != 0) {
            return fault(why, FAULT_INVALID, "%s has no member \"%.64s\", only \"%s\"", what, key,
                         known);
        }
    }
    return 0;
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
    const struct read {
        const struct node *accepted;
    } none = {NULL};
    struct read read = none;
    const struct node_field fields[] = {
        {"accept_missing", NODE_LIST, false, offsetof(struct read, accepted), 0,
         SETTINGS_WALLS_MAX},
        {NULL, NODE_NULL, false, 0, 0, 0}};
    uint32_t accepted = 0;

    TRY(check_members(walls, "walls", "accept_missing", why));
    TRY(node_read(walls, "walls", fields, &read, why));
    TRY(read_accepted(read.accepted, &names, why));
    TRY(sandbox_accept((struct text){(const char *)names.data, names.length}, &accepted, why));
    memcpy(ret->accept, names.length > 0 ? (const char *)names.data : "", names.length);
    return 0;
}

static int read_root(const struct node *root, struct settings *ret, struct fault *why)
{
    const struct node *walls = node_member(root, "walls");

    if (node_type(root) != NODE_OBJECT || (walls && node_type(walls) != NODE_OBJECT)) {
        return fault(why, FAULT_INVALID, "the whole, and \"walls\" in it, must be objects");
    }
    TRY(check_members(root, "it", "walls", why));
    return walls ? read_walls(walls, ret, why) : 0;
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
