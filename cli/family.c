/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/family.h"

#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/component_file.h"
#include "cli/trial.h"

struct member {
    int wasm;
    char digest[COMPONENT_FILE_DIGEST_ROOM];
    own char *name;
    struct node *description;
};

/* A file's name without its folder and ".wasm"; what a terminal would obey is no part of it. */
static own char *name_of(const char *path)
{
    static const char ending[] = ".wasm";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    size_t cut = strlen(ending);
    char *text;

    if (length > cut && strcmp(name + length - cut, ending) == 0) {
        length -= cut;
    }
    text = memory_text(name, length);
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' || *at == '\177' ? '?' : *at;
    }
    return text;
}

static int member_open(const struct family_file *file, struct member *member,
                       struct plan_candidate *candidate, struct fault *why)
{
    AUTO(fd_close) int code = -1;
    struct trial_job job = {.verb = "describe"};

    member->name = name_of(file->path);
    TRY(component_file_open(file->path, &member->wasm, member->digest, why));
    job.wasm = member->wasm;
    if (trial_run(&job, &code, &member->description, why) < 0) {
        return fault_while(why, "look at %s", file->path);
    }
    *candidate = (struct plan_candidate){
        .name = member->name,
        .tier = file->tier,
        .digest = member->digest + strlen("sha256:"),
        .imports = node_member(member->description, "imports"),
        .exports = node_member(member->description, "exports"),
        .unknown = node_member(member->description, "unknown"),
        .hints = node_member(member->description, "hints"),
    };
    return 0;
}

int family_open(const struct family_file *files, size_t count, own struct family **ret,
                struct fault *why)
{
    AUTO(family_free) struct family *family = NEW(struct family);

    if (count > PLAN_PARTS_MAX) {
        return fault(why, FAULT_LIMIT, "%zu components are named; at most %d can be linked", count,
                     PLAN_PARTS_MAX);
    }
    family->members = NEW_ARRAY(count, struct member);
    family->candidates = NEW_ARRAY(count, struct plan_candidate);
    family->scene.candidates = family->candidates;
    for (size_t i = 0; i < count; i++) {
        family->members[i].wasm = -1;
        family->scene.count = i + 1;
        TRY(member_open(&files[i], &family->members[i], &family->candidates[i], why));
    }
    *ret = TAKE(family);
    return 0;
}

struct family *family_free(own struct family *family)
{
    if (!family) {
        return NULL;
    }
    for (size_t i = 0; i < family->scene.count; i++) {
        (void)fd_close(family->members[i].wasm);
        (void)node_free(family->members[i].description);
        free(family->members[i].name);
    }
    free(family->members);
    free(family->candidates);
    free(family);
    return NULL;
}

int family_wasm(const struct family *family, size_t index)
{
    return family->members[index].wasm;
}
