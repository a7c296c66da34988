/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document stays alive inside the spec, which points into it. Numbers too long for the JSON
 * library are shortened in a copy of the bytes before it sees them.
 */
#include "runtime/spec/spec.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/spec/fields.h"

struct spec *spec_free(own struct spec *spec)
{
    if (!spec) {
        return NULL;
    }
    for (size_t i = 0; i < spec->mounts_count; i++) {
        free(spec->mounts[i].options.at);
    }
    free(spec->mounts);
    free(spec->process.args.at);
    free(spec->process.env.at);
    free(spec->process.capabilities.at);
    free(spec->annotations);
    free(spec->namespaces);
    free(spec->devices.at);
    free(spec->device_rules);
    (void)node_free(spec->document);
    free(spec);
    return NULL;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A whole number of @length digits at @at; those past INT64_MAX become INT64_MAX. */
static void shorten_number(char *at, size_t length)
{
    static const char most[] = "9223372036854775807";
    const size_t room = sizeof(most) - 1; /* as many digits */

    if (length > room || (length == room && memcmp(at, most, room) > 0)) {
        memset(at, ' ', length);
        memcpy(at, most, room);
    }
}

static void shorten_numbers(char *bytes, size_t length)
{
    bool quoted = false;
    char before = ' ';

    for (size_t i = 0; i < length; i++) {
        size_t end = i;
        char byte = bytes[i];

        if (quoted) {
            i += byte == '\\' ? 1U : 0U;
            quoted = byte != '"';
            continue;
        }
        quoted = byte == '"';
        while (end < length && is_digit(bytes[end])) {
            end++;
        }
        if (end > i && bytes[i] != '0' && !strchr(".eE+", before) &&
            (end == length || !strchr(".eE", bytes[end]))) {
            shorten_number(bytes + i, end - i);
        }
        i = end > i ? end - 1 : i;
        before = bytes[i];
    }
}

static int parse_document(struct text bytes, const char *what, struct node **ret, struct fault *why)
{
    AUTO(memory_free) char *copy = NULL;

    if (bytes.length <= SPEC_BYTES_MAX) {
        copy = text_copy(bytes);
        shorten_numbers(copy, bytes.length);
        bytes.at = copy;
    }
    return node_parse(bytes, what, SPEC_BYTES_MAX, ret, why);
}

static int read_capabilities(const struct node *object, const char *name,
                             struct spec_process *process, struct fault *why)
{
    struct raw_capabilities raw = {0};
    char part[SPEC_NAME_MAX];

    (void)snprintf(part, sizeof(part), "%s.capabilities", name);
    TRY(node_read(object, part, spec_capabilities_fields, &raw, why));
    for (const struct node_field *field = spec_capabilities_fields; field->key; field++) {
        const struct node *set = node_member(object, field->key);

        (void)snprintf(part, sizeof(part), "%s.capabilities.%s", name, field->key);
        TRY(spec_read_texts(set, part, 64, &process->capabilities, why));
    }
    return 0;
}

static int read_rlimit(const struct node *item, const char *name, struct spec *spec,
                       struct fault *why)
{
    struct raw_rlimit raw = {0};

    TRY(node_read(item, name, spec_rlimit_fields, &raw, why));
    if (strcmp(raw.type, "RLIMIT_NOFILE") == 0) {
        spec->process.has_nofile = true;
        spec->process.nofile = raw.soft;
    }
    return 0;
}

static int read_process(const struct node *object, const char *name, struct spec *spec,
                        struct fault *why)
{
    struct spec_process *process = &spec->process;
    struct raw_process raw = {0};
    struct raw_user user = {0};
    char part[SPEC_NAME_MAX];

    TRY(node_read(object, name, spec_process_fields, &raw, why));
    (void)snprintf(part, sizeof(part), "%s.args", name);
    TRY(spec_read_texts(raw.args, part, SPEC_TEXT_MAX, &process->args, why));
    (void)snprintf(part, sizeof(part), "%s.env", name);
    TRY(spec_read_texts(raw.env, part, SPEC_TEXT_MAX, &process->env, why));
    if (raw.user) {
        (void)snprintf(part, sizeof(part), "%s.user", name);
        TRY(node_read(raw.user, part, spec_user_fields, &user, why));
    }
    if (raw.capabilities) {
        TRY(read_capabilities(raw.capabilities, name, process, why));
    }
    process->cwd = raw.cwd;
    process->terminal = raw.terminal;
    process->uid = user.uid;
    process->gid = user.gid;
    process->apparmor = raw.apparmor;
    process->selinux = raw.selinux;
    (void)snprintf(part, sizeof(part), "%s.rlimits", name);
    return spec_read_items(raw.rlimits, part, read_rlimit, spec, why);
}

static int read_mount(const struct node *item, const char *name, struct spec *spec,
                      struct fault *why)
{
    struct spec_mount *mount = &spec->mounts[spec->mounts_count];
    struct raw_mount raw = {0};
    char part[SPEC_NAME_MAX];

    TRY(node_read(item, name, spec_mount_fields, &raw, why));
    *mount = (struct spec_mount){
        .destination = raw.destination, .type = raw.type, .source = raw.source};
    spec->mounts_count++;
    (void)snprintf(part, sizeof(part), "%s.options", name);
    return spec_read_texts(raw.options, part, SPEC_PATH_MAX, &mount->options, why);
}

static int read_annotations(const struct node *object, struct spec *spec, struct fault *why)
{
    spec->annotations = NEW_ARRAY(node_count(object) + 1, struct spec_pair);
    for (size_t i = 0; i < node_count(object); i++) {
        struct spec_pair *pair = &spec->annotations[i];
        const struct node *value = node_at(object, i, &pair->key);

        pair->value = node_string(value);
        if (!pair->value) {
            return fault(why, FAULT_INVALID,
                         "config.json: annotations[\"%.100s\"] must be a string, not %s",
                         pair->key, node_type_words(node_type(value)));
        }
        spec->annotations_count++;
    }
    return 0;
}

static int read_top(struct spec *spec, struct fault *why)
{
    struct raw_top raw = {0};
    struct raw_root root = {0};

    TRY(node_read(spec->document, "config.json", spec_top_fields, &raw, why));
    TRY(read_process(raw.process, "config.json: process", spec, why));
    if (raw.root) {
        TRY(node_read(raw.root, "config.json: root", spec_root_fields, &root, why));
    }
    spec->root_path = root.path;
    spec->root_readonly = root.readonly;
    spec->hostname = raw.hostname;
    spec->has_hooks = node_count(raw.hooks) > 0;
    spec->mounts = NEW_ARRAY(node_count(raw.mounts) + 1, struct spec_mount);
    TRY(spec_read_items(raw.mounts, "config.json: mounts", read_mount, spec, why));
    TRY(read_annotations(raw.annotations, spec, why));
    return raw.linux_part ? spec_read_linux(raw.linux_part, spec, why) : 0;
}

int spec_parse(struct text bytes, own struct spec **ret, struct fault *why)
{
    AUTO(spec_free) struct spec *spec = NEW(struct spec);

    TRY(parse_document(bytes, "config.json", &spec->document, why));
    TRY(read_top(spec, why));
    *ret = TAKE(spec);
    return 0;
}

int spec_parse_process(struct text bytes, own struct spec **ret, struct fault *why)
{
    AUTO(spec_free) struct spec *spec = NEW(struct spec);

    TRY(parse_document(bytes, "process", &spec->document, why));
    TRY(read_process(spec->document, "process", spec, why));
    *ret = TAKE(spec);
    return 0;
}

int spec_parse_resources(struct text bytes, struct spec_resources *ret, struct fault *why)
{
    AUTO(node_free) struct node *document = NULL;
    const struct node *rules = NULL;

    TRY(parse_document(bytes, "resources", &document, why));
    return spec_read_resources(document, "resources", ret, &rules, why);
}

const char *spec_annotation(const struct spec *spec, const char *key)
{
    for (size_t i = 0; i < spec->annotations_count; i++) {
        if (strcmp(spec->annotations[i].key, key) == 0) {
            return spec->annotations[i].value;
        }
    }
    return NULL;
}

const struct spec_namespace *spec_namespace(const struct spec *spec, const char *type)
{
    for (size_t i = 0; i < spec->namespaces_count; i++) {
        if (strcmp(spec->namespaces[i].type, type) == 0) {
            return &spec->namespaces[i];
        }
    }
    return NULL;
}
