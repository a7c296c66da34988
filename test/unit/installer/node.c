/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "k8s/installer/config.h"
#include "k8s/installer/tree.h"
#include "node.h"

static void path_of(const struct node_world *world, const char *path, char ret[256])
{
    assert_true(snprintf(ret, 256, "%s%s", world->folder, path) < 256);
}

char *node_file(const struct node_world *world, const char *path)
{
    AUTO(buf_fini) struct buf bytes = BUF(1 << 20);
    struct fault why = {0};
    char full[256];

    path_of(world, path, full);
    if (fs_read_small(AT_FDCWD, full, &bytes, &why) < 0) {
        return NULL;
    }
    return text_copy((struct text){bytes.length > 0 ? (char *)bytes.data : "", bytes.length});
}

void node_write(const struct node_world *world, const char *path, const char *text)
{
    struct fault why = {0};
    char full[256];

    path_of(world, path, full);
    assert_int_equal(fs_replace(AT_FDCWD, full, text_of(text), 0640, &why), 0);
}

bool node_has(const struct node_world *world, const char *path)
{
    struct stat about;
    char full[256];

    path_of(world, path, full);
    return lstat(full, &about) == 0;
}

/* ---- its containerd ---- */

static void count_call(struct node_world *world)
{
    if (++world->calls == world->die_at) {
        _exit(7); /* as by kill -9: nothing is put in order */
    }
}

/* The configuration as it is read: the main file, then what it imports. */
static void read_config(const struct node_world *world, struct buf *ret)
{
    AUTO(memory_free) char *main = node_file(world, NODE_MAIN);
    AUTO(memory_free) char *drop_in = node_file(world, NODE_DROP_IN);
    bool imports = main && strstr(main, "conf.d/*.toml");

    if (main && !(world->forgets && imports && drop_in)) {
        buf_print(ret, "%s%s", main,
                  strlen(main) > 0 && main[strlen(main) - 1] != '\n' ? "\n" : "");
    }
    if (imports && drop_in) {
        const char *tables = strchr(drop_in, '[');

        buf_print(ret, "%s", tables ? tables : "");
    }
}

static size_t our_tables(const struct node_world *world)
{
    AUTO(buf_fini) struct buf config = BUF(1 << 20);
    AUTO(buf_fini) struct buf rest = BUF(1 << 20);

    read_config(world, &config);
    return toml_rest((struct text){(char *)config.data, config.length}, config_handlers, &rest);
}

static int node_major(void *owner, int *ret, struct fault *why)
{
    struct node_world *world = owner;

    (void)why;
    count_call(world);
    *ret = world->major;
    return 0;
}

/* As containerd prints it: without comments, and the version in any case. */
static int node_dump(void *owner, struct buf *ret, struct fault *why)
{
    struct node_world *world = owner;
    AUTO(buf_fini) struct buf config = BUF(1 << 20);
    char *rest = NULL;
    char *line = NULL;

    count_call(world);
    ret->length = 0;
    read_config(world, &config);
    buf_put_u8(&config, 0);
    if (strstr((char *)config.data, "BROKEN") || (world->breaks && our_tables(world) > 0)) {
        return fault(why, FAULT_STATE, "it does not parse");
    }
    buf_print(ret, "version = %d\n", world->major + 1);
    rest = (char *)config.data;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strcspn(line, "#\r") > 0 && strncmp(line, "version", 7) != 0) {
            buf_print(ret, "%s\n", line);
        }
    }
    return 0;
}

static int node_restart(void *owner, struct fault *why)
{
    struct node_world *world = owner;
    size_t ours = our_tables(world);

    count_call(world);
    world->restarts++;
    if ((world->refuses && (ours > 0 || world->is_down)) || (world->clings && ours == 0)) {
        world->loaded = 0;
        return fault(why, FAULT_STATE, "it ends at once");
    }
    world->loaded = world->hides ? 0 : ours;
    return 0;
}

static int node_loaded(void *owner, size_t *ret, struct fault *why)
{
    struct node_world *world = owner;

    (void)why;
    count_call(world);
    *ret = world->loaded;
    return 0;
}

static int node_pods(void *owner, struct cri_pods *ret, struct fault *why)
{
    struct node_world *world = owner;

    (void)why;
    *ret = (struct cri_pods){.count = world->pods};
    return 0;
}

static const struct hands hands = {.major = node_major,
                                   .dump = node_dump,
                                   .restart = node_restart,
                                   .loaded = node_loaded,
                                   .pods = node_pods};

void node_make(struct node_world *world, int major, const char *main, bool has_folder)
{
    static const char *const folders[] = {"/etc/containerd", "/opt/skep/versions/v1/bin"};
    struct fault why = {0};
    char full[256];

    *world = (struct node_world){.folder = "/tmp/skep-node-XXXXXX", .major = major};
    assert_non_null(mkdtemp(world->folder));
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        path_of(world, folders[i], full);
        assert_int_equal(fs_make_folders(full, 0755), 0);
    }
    if (has_folder) {
        path_of(world, "/etc/containerd/conf.d", full);
        assert_int_equal(fs_make_folders(full, 0755), 0);
    }
    if (main) {
        node_write(world, NODE_MAIN, main);
    }
    world->in =
        (struct installation){.programs = {.id = "v1", .bin = PROGRAMS_FOLDER "/current/bin"},
                              .config = NODE_MAIN,
                              .hands = &hands,
                              .owner = world};
    assert_int_equal(host_open(world->folder, &world->in.host, &why), 0);
}

void node_end(struct node_world *world)
{
    struct fault why = {0};

    host_close(&world->in.host);
    assert_int_equal(tree_remove(AT_FDCWD, world->folder, &why), 0);
}
