/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo needs no memory of its own: the lines that begin and end a block say what was there
 * before it. So it is exact after a crash at any step, and by another version of this program.
 */
#include "k8s/installer/config.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

#define FILE_NAME "skep.toml"
#define BEGIN_PLAIN "# BEGIN skep: written by skep-install, removed by skep-install uninstall\n"
#define BEGIN_NO_END "# BEGIN skep: written by skep-install; the line before had no end\n"
#define BEGIN_NEW "# BEGIN skep: written by skep-install; there was no file\n"
#define BEGIN_ANY "# BEGIN skep: written by skep-install"
#define END_LINE "# END skep\n"
#define OURS "# Written by skep-install, removed by skep-install uninstall.\n"
#define OURS_AND_FOLDER                                                                            \
    "# Written by skep-install, removed with its folder by skep-install uninstall.\n"

const char *const config_handlers[] = {
#define HANDLER(name) name,
#include "k8s/installer/handlers.def"
#undef HANDLER
    NULL,
};

size_t config_handlers_count(void)
{
    return ARRAY_SIZE(config_handlers) - 1;
}

/* The folder of an import that a file of ours would be read from; @main is the importing file. */
static bool import_folder(const char *import, const char *main, char *ret, size_t room)
{
    const char *slash = strrchr(import, '/');
    const char *pattern = slash ? slash + 1 : import;
    const char *main_slash = strrchr(main, '/');
    int length = slash ? (int)(slash - import) : 0;
    int printed;

    if (fnmatch(pattern, FILE_NAME, 0) != 0 || (slash && strcspn(import, "*?[") < (size_t)length)) {
        return false;
    }
    if (import[0] == '/') {
        printed = snprintf(ret, room, "%.*s", length, import);
    } else {
        printed = snprintf(ret, room, "%.*s%s%.*s", main_slash ? (int)(main_slash - main) : 0, main,
                           length > 0 ? "/" : "", length, import);
    }
    return printed > 0 && (size_t)printed < room;
}

static bool find_import(const struct config_question *question, struct config_plan *ret)
{
    char folder[CONFIG_PATH_ROOM - sizeof("/" FILE_NAME)];

    for (size_t i = 0; i < question->facts->imports_count; i++) {
        if (import_folder(question->facts->imports[i], question->path, folder, sizeof(folder))) {
            (void)snprintf(ret->path, sizeof(ret->path), "%s/" FILE_NAME, folder);
            return true;
        }
    }
    return false;
}

int config_plan_make(const struct config_question *question, struct config_plan *ret,
                     struct fault *why)
{
    const int64_t newest = question->containerd >= 2 ? 4 : 2;
    int64_t version = question->facts ? question->facts->version : newest == 4 ? 3 : 2;

    if (version < 2 || version > newest) {
        return fault(why, FAULT_UNSUPPORTED,
                     "%s is of version %" PRId64 "; with containerd %d, versions 2 to %" PRId64
                     " can be added to",
                     question->path, version, question->containerd, newest);
    }
    if (strlen(question->path) >= sizeof(ret->path)) {
        return fault(why, FAULT_LIMIT, "a path has at most %zu bytes", sizeof(ret->path) - 1);
    }
    *ret = (struct config_plan){.way = CONFIG_NEW, .version = version};
    if (question->facts && question->containerd >= 2 && find_import(question, ret)) {
        ret->way = CONFIG_DROP_IN;
        return 0;
    }
    ret->way = question->facts ? CONFIG_BLOCK : CONFIG_NEW;
    (void)snprintf(ret->path, sizeof(ret->path), "%s", question->path);
    return 0;
}

void config_put_tables(int64_t version, const char *programs, struct buf *ret)
{
    const char *plugin =
        version == 2 ? "io.containerd.grpc.v1.cri" : "io.containerd.cri.v1.runtime";

    for (size_t i = 0; config_handlers[i]; i++) {
        buf_print(ret, "[plugins.'%s'.containerd.runtimes.%s]\n", plugin, config_handlers[i]);
        buf_print(ret, "  runtime_type = 'io.containerd.%s.v2'\n", config_handlers[i]);
        buf_print(ret, "  runtime_path = '%s/containerd-shim-%s-v2'\n", programs,
                  config_handlers[i]);
        buf_print(ret, "  pod_annotations = ['skep.dev/*']\n");
        buf_print(ret, "  container_annotations = ['io.kubernetes.pod.terminationGracePeriod']\n");
    }
}

void config_add_block(struct text file, const struct config_plan *plan, const char *programs,
                      struct buf *ret)
{
    bool has_end = file.length == 0 || file.at[file.length - 1] == '\n';

    buf_put(ret, file.at, file.length);
    if (plan->way == CONFIG_NEW) {
        buf_print(ret, BEGIN_NEW "version = %" PRId64 "\n", plan->version);
    } else {
        buf_print(ret, "%s%s", has_end ? "" : "\n", has_end ? BEGIN_PLAIN : BEGIN_NO_END);
    }
    config_put_tables(plan->version, programs, ret);
    buf_print(ret, END_LINE);
}

/* A line of the file that begins with @words; NULL when there is none. */
static const char *line_with(struct text file, const char *words)
{
    const char *at = file.at;
    const char *end = file.at + file.length;

    while (at) {
        at = memmem(at, (size_t)(end - at), words, strlen(words));
        if (!at || at == file.at || at[-1] == '\n') {
            return at;
        }
        at++;
    }
    return NULL;
}

static bool starts(const char *at, const char *end, const char *words)
{
    return text_starts((struct text){at, (size_t)(end - at)}, words);
}

int config_strip_block(struct text file, const char *what, struct buf *ret, struct fault *why)
{
    const char *end = file.at + file.length;
    const char *begin = file.length > 0 ? line_with(file, BEGIN_ANY) : NULL;
    const char *close = NULL;
    size_t before;

    if (!begin) {
        buf_put(ret, file.at, file.length);
        return CONFIG_NO_BLOCK;
    }
    close = line_with((struct text){begin, (size_t)(end - begin)}, END_LINE);
    if (!close) {
        return fault(why, FAULT_STATE, "%s has a line \"%s\" and no line \"# END skep\" after it",
                     what, BEGIN_ANY);
    }
    close += sizeof(END_LINE) - 1;
    before = (size_t)(begin - file.at);
    /* What was added in front is taken back, unless somebody has written on below the block. */
    before -= starts(begin, end, BEGIN_NO_END) && before > 0 && close == end;
    buf_put(ret, file.at, before);
    buf_put(ret, close, (size_t)(end - close));
    return starts(begin, end, BEGIN_NEW) && ret->length == 0 ? CONFIG_WAS_NEW : CONFIG_HAD_BLOCK;
}

void config_drop_in_text(const struct config_plan *plan, const char *programs, bool made_folder,
                         struct buf *ret)
{
    buf_print(ret, "%sversion = %" PRId64 "\n", made_folder ? OURS_AND_FOLDER : OURS,
              plan->version);
    config_put_tables(plan->version, programs, ret);
}

bool config_drop_in_made_folder(struct text file)
{
    return text_starts(file, OURS_AND_FOLDER);
}

bool config_drop_in_is_ours(struct text file)
{
    return text_starts(file, OURS) || config_drop_in_made_folder(file);
}

int config_major(struct text line, int *ret, struct fault *why)
{
    const char *at = line.at;
    const char *end = line.at + line.length;
    const char *start = NULL;
    uint64_t major = 0;

    for (int word = 0; word < 2 && at; word++) {
        at = memchr(at, ' ', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    if (at && at < end && *at == 'v') {
        at++;
    }
    start = at;
    while (at && at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    if (!at || !text_starts(line, "containerd ") ||
        !text_to_u64((struct text){start, (size_t)(at - start)}, 1, 99, &major)) {
        return fault(why, FAULT_UNSUPPORTED, "containerd's version is not known from \"%.*s\"",
                     line.length > 80 ? 80 : (int)line.length, line.at);
    }
    *ret = (int)major;
    return 0;
}
