/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler words each missing import itself ("hints"): it knows what the host offers. */
#include "runtime/supervisor/description.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "runtime/grant/grant.h"

enum { DESCRIPTION_MAX = 1024 * 1024, LIST_MAX = 4096, KIND_MAX = 16 };

struct fields {
    int64_t version;
    const char *kind;
    const struct node *imports;
    const struct node *exports;
    const struct node *unknown;
    const struct node *hints;
};

static const struct node_field fields_table[] = {
    {"v", NODE_INTEGER, true, offsetof(struct fields, version), 1, 1},
    {"kind", NODE_TEXT, true, offsetof(struct fields, kind), 0, KIND_MAX},
    {"imports", NODE_LIST, true, offsetof(struct fields, imports), 0, LIST_MAX},
    {"exports", NODE_LIST, false, offsetof(struct fields, exports), 0, LIST_MAX},
    {"unknown", NODE_LIST, true, offsetof(struct fields, unknown), 0, LIST_MAX},
    {"hints", NODE_LIST, false, offsetof(struct fields, hints), 0, LIST_MAX},
    {NULL, NODE_NULL, false, 0, 0, 0},
};

static const struct kind_name {
    const char *name;
    enum run_kind kind;
} kind_names[] = {
    {"command", RUN_COMMAND},
    {"server", RUN_SERVER},
    {"library", RUN_LIBRARY},
};

enum { NAMES = 1U << GRANT_TEXT_RESOLV_CONF | 1U << GRANT_TEXT_HOSTS, TRUST = 1U << GRANT_TEXT_TRUST };

static const struct text_user {
    const char *import; /* of any version */
    unsigned texts;
} text_users[] = {
    {"wasi:sockets/ip-name-lookup@", NAMES},
    {"wasi:http/outgoing-handler@", NAMES | TRUST}, /* 0.2 */
    {"wasi:http/client@", NAMES | TRUST},           /* 0.3 */
};

/* A bundle of certificates is large, so nobody gets one who cannot use it. */
static unsigned texts_used(const struct node *imports)
{
    unsigned texts = 0;

    for (size_t i = 0; i < node_count(imports); i++) {
        const char *import = node_string(node_item(imports, i));

        for (size_t k = 0; import && k < ARRAY_SIZE(text_users); k++) {
            const char *name = text_users[k].import;

            texts |= strncmp(import, name, strlen(name)) == 0 ? text_users[k].texts : 0;
        }
    }
    return texts;
}

static int kind_parse(const char *name, enum run_kind *ret, struct fault *why)
{
    for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
        if (strcmp(kind_names[i].name, name) == 0) {
            *ret = kind_names[i].kind;
            return 0;
        }
    }
    return fault(why, FAULT_INTERNAL, "the compiler calls a component \"%s\"", name);
}

/* One sentence for the first import; the others are counted. */
static void open_word(const struct fields *fields, struct fault *ret)
{
    size_t count = node_count(fields->unknown);
    const char *import = node_string(node_item(fields->unknown, 0));
    const char *hint = node_string(node_item(fields->hints, 0));
    char more[64] = "";

    if (count == 0) {
        return;
    }
    if (count > 1) {
        (void)snprintf(more, sizeof(more), " (and %zu other import%s)", count - 1,
                       count == 2 ? "" : "s");
    }
    if (hint) {
        (void)fault(ret, FAULT_STATE, "%.300s%s", hint, more);
    } else {
        (void)fault(ret, FAULT_STATE, "it imports %.200s, which nothing here offers%s",
                    import ? import : "something", more);
    }
}

void description_fini(struct description *description)
{
    (void)node_free(description->root);
    *description = (struct description){.kind = RUN_COMMAND};
}

int description_parse(const char *json, struct description *ret, struct fault *why)
{
    AUTO(node_free) struct node *root = NULL;
    struct description description = {.kind = RUN_COMMAND};
    struct fields fields = {0};
    struct fault parse = {0};

    if (node_parse(text_of(json), "description", DESCRIPTION_MAX, &root, &parse) < 0 ||
        node_read(root, "description", fields_table, &fields, &parse) < 0) {
        return fault(why, FAULT_INTERNAL, "the compiler's %s", parse.text);
    }
    TRY(kind_parse(fields.kind, &description.kind, why));
    open_word(&fields, &description.open);
    description.texts = texts_used(fields.imports);
    description.imports = fields.imports;
    description.exports = fields.exports;
    description.unknown = fields.unknown;
    description.hints = fields.hints;
    description.root = TAKE(root);
    *ret = description;
    return 0;
}
