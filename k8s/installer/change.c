/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/installer/change.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"

static struct text bytes_of(const struct host_file *file)
{
    return (struct text){(const char *)file->bytes.data, file->bytes.length};
}

void change_fini(struct change *change)
{
    host_file_fini(&change->main.before);
    host_file_fini(&change->main.after);
    host_file_fini(&change->drop_in.before);
    host_file_fini(&change->drop_in.after);
}

static int read_file(const struct host *host, struct change_file *file, struct fault *why)
{
    int there = host_read(host, file->path, &file->before, why);

    TRY(there);
    file->was_there = there == HOST_THERE;
    file->stays = file->was_there;
    file->after.mode = file->before.mode;
    file->after.user = file->before.user;
    file->after.group = file->before.group;
    return 0;
}

/* The main file without a block of ours; its facts. */
static int read_main(const struct change_question *question, struct change *ret,
                     struct toml_facts *facts, struct fault *why)
{
    struct change_file *main = &ret->main;
    int block;

    (void)snprintf(main->path, sizeof(main->path), "%s", question->path);
    TRY(read_file(question->host, main, why));
    block = config_strip_block(bytes_of(&main->before), main->path, &main->after.bytes, why);
    TRY(block);
    ret->has_ours = block != CONFIG_NO_BLOCK;
    main->stays = main->was_there && block != CONFIG_WAS_NEW;
    return toml_read(bytes_of(&main->after), main->path, facts, why);
}

/* The file of our own: its text, or its end. */
static int plan_drop_in(const struct change_question *question, const struct config_plan *plan,
                        struct change *ret, struct fault *why)
{
    struct change_file *drop_in = &ret->drop_in;
    bool has_folder;
    bool is_ours;

    (void)snprintf(drop_in->path, sizeof(drop_in->path), "%s", plan->path);
    TRY(read_file(question->host, drop_in, why));
    is_ours = drop_in->was_there && config_drop_in_is_ours(bytes_of(&drop_in->before));
    ret->has_ours = ret->has_ours || is_ours;
    if (drop_in->was_there && !is_ours) {
        drop_in->path[0] = '\0';
        return question->programs ? fault(why, FAULT_EXISTS,
                                          "%s is there and was not written by "
                                          "skep-install",
                                          plan->path)
                                  : 0;
    }
    has_folder = is_ours && config_drop_in_made_folder(bytes_of(&drop_in->before));
    if (!question->programs) {
        drop_in->stays = false;
        ret->takes_folder = has_folder;
        return 0;
    }
    if (!drop_in->was_there) {
        char folder[CONFIG_PATH_ROOM];
        AUTO(fd_close) int dir = -1;

        (void)snprintf(folder, sizeof(folder), "%.*s",
                       (int)(strrchr(drop_in->path, '/') - drop_in->path), drop_in->path);
        dir = fs_open_in_root(question->host->dir, folder, O_PATH | O_DIRECTORY);
        ret->made_folder = dir < 0;
        has_folder = dir < 0;
    }
    drop_in->stays = true;
    config_drop_in_text(plan, question->programs, has_folder, &drop_in->after.bytes);
    return buf_check(&drop_in->after.bytes, drop_in->path, why);
}

static int plan_block(const struct change_question *question, const struct config_plan *plan,
                      struct change *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf stripped = ret->main.after.bytes;

    if (!question->programs) {
        stripped = BUF(0);
        return 0;
    }
    ret->main.after.bytes = BUF(HOST_FILE_MAX);
    ret->main.stays = true;
    config_add_block((struct text){(const char *)stripped.data, stripped.length}, plan,
                     question->programs, &ret->main.after.bytes);
    return buf_check(&ret->main.after.bytes, ret->main.path, why);
}

int change_plan(const struct change_question *question, struct change *ret, struct fault *why)
{
    AUTO(memory_free) struct toml_facts *facts = NEW(struct toml_facts);
    struct config_question asked = {.path = question->path, .containerd = question->containerd};
    struct config_plan plan;

    *ret = (struct change){.main = {.before = HOST_FILE, .after = HOST_FILE},
                           .drop_in = {.before = HOST_FILE, .after = HOST_FILE}};
    TRY(read_main(question, ret, facts, why));
    asked.facts = ret->main.stays ? facts : NULL;
    TRY(config_plan_make(&asked, &plan, why));
    return plan.way == CONFIG_DROP_IN ? plan_drop_in(question, &plan, ret, why)
                                      : plan_block(question, &plan, ret, why);
}

static bool file_changes(const struct change_file *file)
{
    if (file->path[0] == '\0' || (!file->was_there && !file->stays)) {
        return false;
    }
    return file->was_there != file->stays ||
           file->before.bytes.length != file->after.bytes.length ||
           (file->after.bytes.length > 0 &&
            memcmp(file->before.bytes.data, file->after.bytes.data, file->after.bytes.length) != 0);
}

bool change_is_needed(const struct change *change)
{
    return file_changes(&change->main) || file_changes(&change->drop_in);
}

static int put(const struct host *host, const struct change_file *file, bool is_there,
               const struct host_file *content, struct fault *why)
{
    if (!file_changes(file)) {
        return 0;
    }
    return is_there ? host_write(host, file->path, content, why)
                    : host_remove(host, file->path, why);
}

/* The folder of our own file. */
static void folder_of(const struct change *change, char ret[CONFIG_PATH_ROOM])
{
    const char *path = change->drop_in.path;

    (void)snprintf(ret, CONFIG_PATH_ROOM, "%.*s", (int)(strrchr(path, '/') - path), path);
}

static void remove_folder(const struct host *host, const struct change *change)
{
    struct fault ignored = {0};
    char folder[CONFIG_PATH_ROOM];

    folder_of(change, folder);
    /* Stays when somebody else has put a file there. */
    (void)!host_remove_folder(host, folder, &ignored);
}

static int make_folder(const struct host *host, const struct change *change, struct fault *why)
{
    char folder[CONFIG_PATH_ROOM];

    folder_of(change, folder);
    return host_make_folder(host, folder, why);
}

int change_do(const struct host *host, struct change *change, struct fault *why)
{
    int done = 0;

    if (change->made_folder) {
        TRY(make_folder(host, change, why));
    }
    done = put(host, &change->main, change->main.stays, &change->main.after, why);
    if (done == 0) {
        done = put(host, &change->drop_in, change->drop_in.stays, &change->drop_in.after, why);
    }
    if (done < 0) {
        struct fault second = {0};

        /* A path that cannot be written cannot be undone either, nor has it to be. */
        (void)!change_undo(host, change, &second);
    } else if (change->takes_folder) {
        remove_folder(host, change);
    }
    return done;
}

int change_undo(const struct host *host, struct change *change, struct fault *why)
{
    int main = put(host, &change->main, change->main.was_there, &change->main.before, why);
    int folder = change->takes_folder ? make_folder(host, change, why) : 0;
    int drop_in = folder;

    if (folder >= 0) {
        drop_in =
            put(host, &change->drop_in, change->drop_in.was_there, &change->drop_in.before, why);
    }
    if (change->made_folder) {
        remove_folder(host, change);
    }
    return main < 0 ? main : drop_in;
}
