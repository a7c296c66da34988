/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts as folders. A table says which destinations are not for a component; what remains and is
 * a bind becomes a folder. A file may lie inside of a folder: the broker mounts it there.
 */
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "runtime/grant/rules.h"
#include "runtime/spec/spec.h"

enum { NAME_MAX_BYTES = 32 };

enum treatment { GRANT_IT, IGNORE_IT, REFUSE_IT, TERMINATION_LOG };

/* The first row that fits counts. */
static const struct place {
    const char *path;
    bool below; /* and everything below it */
    enum treatment treatment;
    const char *words;
} places[] = {
    {"/", false, REFUSE_IT, "the root is the image's"},
    {"/proc", true, IGNORE_IT, "a component sees no processes"},
    {"/sys", true, IGNORE_IT, "a component sees no kernel"},
    {"/dev/termination-log", false, TERMINATION_LOG, "written by the runtime"},
    {"/dev", true, IGNORE_IT, "a component has no devices"},
    {"/etc/resolv.conf", false, IGNORE_IT, "names are resolved outside of the component"},
    {"/etc/hosts", false, IGNORE_IT, "names are resolved outside of the component"},
    {"/etc/hostname", false, IGNORE_IT, "a component has no host name"},
};

static const struct place *place_of(const char *destination)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        size_t length = strlen(places[i].path);

        if (strcmp(destination, places[i].path) == 0) {
            return &places[i];
        }
        if (places[i].below && strncmp(destination, places[i].path, length) == 0 &&
            destination[length] == '/') {
            return &places[i];
        }
    }
    return NULL;
}

int clean_path(const char *path, const char *what, own char **ret, struct fault *why)
{
    AUTO(memory_free) char *clean = NEW_ARRAY(strlen(path) + 2, char);
    size_t length = 0;

    if (path[0] != '/') {
        return fault(why, FAULT_INVALID, "%s must be an absolute path, not \"%.200s\"", what, path);
    }
    for (const char *at = path + strspn(path, "/"); *at != '\0'; at += strspn(at, "/")) {
        size_t part = strcspn(at, "/");

        if (part == 2 && memcmp(at, "..", 2) == 0) {
            return fault(why, FAULT_INVALID, "%s must not hold \"..\": %.200s", what, path);
        }
        if (part != 1 || at[0] != '.') {
            clean[length++] = '/';
            memcpy(clean + length, at, part);
            length += part;
        }
        at += part;
    }
    if (length == 0) {
        clean[length++] = '/';
    }
    if (length > GRANT_PATH_MAX) {
        return fault(why, FAULT_LIMIT, "%s has %zu bytes; at most %d are granted", what, length,
                     GRANT_PATH_MAX);
    }
    *ret = TAKE(clean);
    return 0;
}

static bool has_option(const struct spec_mount *mount, const char *option)
{
    for (size_t i = 0; i < mount->options.count; i++) {
        if (strcmp(mount->options.at[i], option) == 0) {
            return true;
        }
    }
    return false;
}

/* mount(8): the last of "ro" and "rw" counts; runtimes know "rro" besides. */
static bool is_read_only(const struct spec_mount *mount)
{
    bool read_only = false;

    for (size_t i = 0; i < mount->options.count; i++) {
        const char *option = mount->options.at[i];

        if (strcmp(option, "ro") == 0 || strcmp(option, "rro") == 0) {
            read_only = true;
        } else if (strcmp(option, "rw") == 0) {
            read_only = false;
        }
    }
    return read_only;
}

static bool is_bind(const struct spec_mount *mount)
{
    return (mount->type && strcmp(mount->type, "bind") == 0) || has_option(mount, "bind") ||
           has_option(mount, "rbind");
}

bool decide_asks(const struct spec *spec)
{
    for (size_t i = 0; i < spec->mounts_count; i++) {
        if (is_bind(&spec->mounts[i])) {
            return true;
        }
    }
    return false;
}

static const struct grant_folder *find_folder(const struct grant *grant, const char *guest)
{
    for (size_t i = 0; i < grant->folders_count; i++) {
        if (strcmp(grant->folders[i].guest, guest) == 0) {
            return &grant->folders[i];
        }
    }
    return NULL;
}

static int check_folder(const char *guest, const struct grant *grant, struct fault *why)
{
    if (find_folder(grant, guest)) {
        return fault(why, FAULT_INVALID, "mounts: %.200s is named twice", guest);
    }
    if (grant->folders_count == GRANT_FOLDERS_MAX) {
        return fault(why, FAULT_LIMIT, "mounts: more than %d folders and files; at most so many "
                     "are granted", GRANT_FOLDERS_MAX);
    }
    return 0;
}

/* Return: 0 with @ret_source, or 1 when this mount is no folder. */
static int look_at_mount(const struct spec_mount *mount, const char *guest, struct grant *grant,
                         own char **ret_source, struct fault *why)
{
    const struct place *place = place_of(guest);

    if (!is_bind(mount)) {
        note(grant, "mount %.100s: a component has no file system of type %.32s", guest,
             mount->type ? mount->type : "none");
        return 1;
    }
    if (place && place->treatment == REFUSE_IT) {
        return fault(why, FAULT_INVALID, "mounts: %s cannot be a mount: %s", guest, place->words);
    }
    if (place && place->treatment == IGNORE_IT) {
        note(grant, "mount %.100s: %s", guest, place->words);
        return 1;
    }
    if (!mount->source) {
        return fault(why, FAULT_INVALID, "mounts: %.200s has no source", guest);
    }
    TRY(clean_path(mount->source, "the source of a mount", ret_source, why));
    if (place && place->treatment == TERMINATION_LOG) {
        free(grant->termination_log);
        grant->termination_log = TAKE(*ret_source);
        return 1;
    }
    return 0;
}

static int decide_mount(const struct spec_mount *mount, size_t index,
                        const struct decide_input *input, struct grant *grant, struct fault *why)
{
    AUTO(memory_free) char *guest = NULL;
    AUTO(memory_free) char *source = NULL;
    char name[NAME_MAX_BYTES];
    bool is_file;
    int result;

    (void)snprintf(name, sizeof(name), "mounts[%zu].destination", index);
    TRY(clean_path(mount->destination, name, &guest, why));
    result = look_at_mount(mount, guest, grant, &source, why);
    if (result != 0) {
        return result;
    }
    TRY(check_folder(guest, grant, why));
    is_file = input->is_file && input->is_file(input->owner, source);
    grant->folders[grant->folders_count++] = (struct grant_folder){
        .is_file = is_file,
        .read_only = is_read_only(mount),
        .source = TAKE(source),
        .guest = TAKE(guest),
    };
    return 0;
}

int decide_folders(const struct spec *spec, const struct decide_input *input, struct grant *grant,
                   struct fault *why)
{
    grant->folders = NEW_ARRAY(GRANT_FOLDERS_MAX, struct grant_folder);
    if (input->rootfs) {
        grant->folders[grant->folders_count++] = (struct grant_folder){
            .source = COPY_TEXT(input->rootfs),
            .guest = COPY_TEXT("/"),
            .read_only = spec->root_readonly,
            .is_rootfs = true,
        };
    }
    for (size_t i = 0; i < spec->mounts_count; i++) {
        TRY(decide_mount(&spec->mounts[i], i, input, grant, why));
    }
    return 0;
}
