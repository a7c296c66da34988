/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is first a list of needs; both layouts print that list. Texts of images are foreign:
 * what could move a terminal's cursor is printed as a question mark.
 */
#include "cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/subject.h"

enum { NEEDS_MAX = 96, NEED_ROOM = 512 };

struct needs {
    char sentences[NEEDS_MAX][NEED_ROOM];
    size_t count;
};

static const struct need {
    const char *import;
    const char *sentence;
} table[] = {
#define NEED(import, sentence) {import, sentence},
#include "cli/needs.def"
#undef NEED
};

static void PRINTF_LIKE(2, 3) needs_add(struct needs *needs, const char *format, ...)
{
    va_list values;

    if (needs->count == NEEDS_MAX) {
        return; /* a page of needs says enough */
    }
    va_start(values, format);
    (void)vsnprintf(needs->sentences[needs->count], NEED_ROOM, format, values);
    va_end(values);
    for (size_t i = 0; i < needs->count; i++) {
        if (strcmp(needs->sentences[i], needs->sentences[needs->count]) == 0) {
            return;
        }
    }
    needs->count++;
}

static void need_import(struct needs *needs, struct text import)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (text_starts(import, table[i].import)) {
            if (table[i].sentence[0] != '\0') {
                needs_add(needs, "%s", table[i].sentence);
            }
            return;
        }
    }
    needs_add(needs, "a link: another container of the pod must export %.*s",
              import.length > 200 ? 200 : (int)import.length, import.at);
}

static void need_form(struct needs *needs, const struct subject *subject)
{
    switch (subject->fetched->form) {
    case FORM_ARTIFACT:
        needs_add(needs, "command: an artifact has no entry point, so the pod must set command (its "
                         "first word becomes argv[0]); ctr run needs --format image or tar");
        needs_add(needs, "containerd 1.7 or newer (1.6 runs only tar images)");
        break;
    case FORM_LAYER:
        needs_add(needs, "containerd 1.7 or newer (1.6 runs only tar images)");
        break;
    case FORM_TAR:
    default:
        if (strcmp(subject->config->architecture, "wasm") == 0) {
            needs_add(needs, "containerd older than 2.3: later ones unpack only images of their own "
                             "platform (linux/%s)", manifest_host_architecture());
        }
        break;
    }
}

static void need_role(struct needs *needs, const struct binary *binary)
{
    switch (binary_role(binary)) {
    case BINARY_SERVER:
        needs_add(needs, "a port: it is served on $PORT, else 8080; name it as containerPort");
        break;
    case BINARY_LIBRARY:
        needs_add(needs, "a user: it only exports interfaces, for other containers of its pod");
        break;
    case BINARY_COMMAND:
    default:
        break;
    }
}

static void collect(const struct report *report, struct needs *needs)
{
    const struct subject *subject = report->subject;

    needs_add(needs, "runtimeClassName: skep (ctr run --runtime io.containerd.skep.v2)");
    if (subject->fetched) {
        need_form(needs, subject);
    }
    if (subject->binary) {
        need_role(needs, subject->binary);
        for (size_t i = 0; i < subject->binary->imports.count; i++) {
            need_import(needs, subject->binary->imports.names[i]);
        }
    }
}

/* The world that a component's exports belong to, when they tell. */
static const struct {
    const char *export;
    const char *world;
} worlds[] = {
    {"wasi:cli/run", "wasi:cli/command"},
    {"wasi:http/incoming-handler", "wasi:http/proxy"},
    {"wasi:http/handler", "wasi:http/service"},
};

static void put_world(const struct subject *subject, struct buf *out)
{
    const struct binary_names *exports = &subject->binary->exports;

    if (subject->config && subject->config->target[0] != '\0') {
        buf_print(out, "%s", subject->config->target);
        return;
    }
    for (size_t i = 0; i < exports->count; i++) {
        for (size_t row = 0; row < ARRAY_SIZE(worlds); row++) {
            size_t length = strlen(worlds[row].export);
            struct text name = exports->names[i];

            if (text_starts(name, worlds[row].export) &&
                (name.length == length || name.at[length] == '@')) {
                buf_print(out, "%s", worlds[row].world);
                buf_put(out, name.at + length, name.length - length);
                return;
            }
        }
    }
}

static const char *kind_words(const struct binary *binary)
{
    return binary->kind == BINARY_COMPONENT ? "component" : "core module (WASI preview 1)";
}

static void put_lines(struct buf *out, const char *label, const struct binary_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        buf_print(out, "%-12s", i == 0 ? label : "");
        buf_put(out, names->names[i].at, names->names[i].length);
        buf_put_u8(out, '\n');
    }
}

static void put_image_lines(const struct subject *subject, struct buf *out)
{
    const struct fetched *fetched = subject->fetched;
    const char *entrypoint = subject_entrypoint(subject);

    buf_print(out, "%-12s%s, %s\n", "form", form_name(fetched->form),
              fetched->manifest->config.media_type);
    buf_print(out, "%-12s%s\n", "manifest", fetched->about.digest.text);
    if (subject->config->os[0] != '\0') {
        buf_print(out, "%-12s%s/%s\n", "platform", subject->config->os,
                  subject->config->architecture);
    }
    if (subject->config->created[0] != '\0') {
        buf_print(out, "%-12s%s\n", "created", subject->config->created);
    }
    if (entrypoint[0] != '\0') {
        buf_print(out, "%-12s%s\n", "entrypoint", entrypoint);
    }
    if (!subject->binary) {
        buf_print(out, "%-12snot found: no layer that can be opened (tar, gzip) holds one under "
                       "the entry point's name\n", "component");
    }
}

static void put_component_lines(const struct subject *subject, struct buf *out)
{
    AUTO(buf_fini) struct buf world = BUF(8192);

    buf_print(out, "%-12s%s\n%-12s%zu bytes, %s\n%-12s%s\n", "component", subject->digest.text, "",
              subject->wasm.length, kind_words(subject->binary), "role",
              binary_role_name(binary_role(subject->binary)));
    put_world(subject, &world);
    if (world.length > 0) {
        buf_print(out, "%-12s%.*s\n", "world", (int)world.length, (const char *)world.data);
    }
    put_lines(out, "imports", &subject->binary->imports);
    put_lines(out, "exports", &subject->binary->exports);
}

static void put_trial_lines(const struct node *trial, struct buf *out)
{
    const struct node *hints = node_member(trial, "hints");
    int64_t code_bytes = 0;

    (void)node_integer(node_member(trial, "code_bytes"), &code_bytes);
    buf_print(out, "%-12s%lld bytes of native code\n", "compiled", (long long)code_bytes);
    for (size_t i = 0; i < node_count(hints); i++) {
        const char *hint = node_string(node_item(hints, i));

        buf_print(out, "%-12s%s\n", i == 0 ? "missing" : "", hint ? hint : "?");
    }
}

/* Foreign texts keep their letters, but no control bytes. */
static void make_printable(struct buf *out)
{
    for (size_t i = 0; i < out->length; i++) {
        if ((out->data[i] < ' ' && out->data[i] != '\n') || out->data[i] == 0x7f) {
            out->data[i] = '?';
        }
    }
}

void report_print_text(const struct report *report, struct buf *out)
{
    AUTO(memory_free) struct needs *needs = NEW(struct needs);
    const struct subject *subject = report->subject;

    buf_print(out, "%s\n", subject->source);
    if (subject->fetched) {
        put_image_lines(subject, out);
    }
    if (subject->binary) {
        put_component_lines(subject, out);
    }
    if (report->trial) {
        put_trial_lines(report->trial, out);
    }
    collect(report, needs);
    for (size_t i = 0; i < needs->count; i++) {
        buf_print(out, "%-12s%s\n", i == 0 ? "needs" : "", needs->sentences[i]);
    }
    make_printable(out);
}

static void put_member(struct buf *out, const char *key, const char *value)
{
    buf_print(out, ",\"%s\":", key);
    buf_put_json(out, text_of(value));
}

static void put_list(struct buf *out, const char *key, const struct binary_names *names)
{
    buf_print(out, ",\"%s\":[", key);
    for (size_t i = 0; i < names->count; i++) {
        buf_print(out, "%s", i > 0 ? "," : "");
        buf_put_json(out, names->names[i]);
    }
    buf_put_u8(out, ']');
}

static void put_image_json(const struct subject *subject, struct buf *out)
{
    put_member(out, "form", form_name(subject->fetched->form));
    put_member(out, "manifest", subject->fetched->about.digest.text);
    put_member(out, "config_type", subject->fetched->manifest->config.media_type);
    put_member(out, "os", subject->config->os);
    put_member(out, "architecture", subject->config->architecture);
    put_member(out, "created", subject->config->created);
    put_member(out, "entrypoint", subject_entrypoint(subject));
}

static void put_component_json(const struct subject *subject, struct buf *out)
{
    AUTO(buf_fini) struct buf world = BUF(8192);

    put_member(out, "component", subject->digest.text);
    buf_print(out, ",\"size\":%zu", subject->wasm.length);
    put_member(out, "kind", subject->binary->kind == BINARY_COMPONENT ? "component" : "module");
    put_member(out, "role", binary_role_name(binary_role(subject->binary)));
    put_world(subject, &world);
    buf_print(out, ",\"world\":");
    buf_put_json(out, (struct text){(const char *)world.data, world.length});
    put_list(out, "imports", &subject->binary->imports);
    put_list(out, "exports", &subject->binary->exports);
}

void report_print_json(const struct report *report, struct buf *out)
{
    AUTO(memory_free) struct needs *needs = NEW(struct needs);
    const struct subject *subject = report->subject;

    buf_print(out, "{\"source\":");
    buf_put_json(out, text_of(subject->source));
    if (subject->fetched) {
        put_image_json(subject, out);
    }
    if (subject->binary) {
        put_component_json(subject, out);
    }
    if (report->trial) {
        buf_print(out, ",\"compiled\":");
        node_print(report->trial, out);
    }
    collect(report, needs);
    buf_print(out, ",\"needs\":[");
    for (size_t i = 0; i < needs->count; i++) {
        buf_print(out, "%s", i > 0 ? "," : "");
        buf_put_json(out, text_of(needs->sentences[i]));
    }
    buf_print(out, "]}\n");
}
