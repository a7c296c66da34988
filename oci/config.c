/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables over one struct: what the layouts have in common is read by both. */
#include "oci/config.h"

#include <string.h>

#include "base/fault.h"
#include "base/json.h"

enum { CONFIG_TEXT_MAX = 4096 };

struct raw_config {
    struct config config;
    const struct node *inner; /* "component" or "config" */
};

#define TEXT_OF(key, member) {key, NODE_TEXT, false, offsetof(struct raw_config, config.member), 0, \
                              CONFIG_TEXT_MAX}
#define LIST_OF(key, member) {key, NODE_LIST, false, offsetof(struct config, member), 0, \
                              CONFIG_NAMES_MAX}

static const struct node_field wasm_fields[] = {
    TEXT_OF("architecture", architecture),
    TEXT_OF("os", os),
    TEXT_OF("created", created),
    TEXT_OF("author", author),
    {"component", NODE_OBJECT, false, offsetof(struct raw_config, inner), 0, 0},
    {.key = NULL},
};

static const struct node_field component_fields[] = {
    LIST_OF("imports", imports),
    LIST_OF("exports", exports),
    {"target", NODE_TEXT, false, offsetof(struct config, target), 0, CONFIG_TEXT_MAX},
    {.key = NULL},
};

static const struct node_field image_fields[] = {
    TEXT_OF("architecture", architecture),
    TEXT_OF("os", os),
    TEXT_OF("created", created),
    TEXT_OF("author", author),
    {"config", NODE_OBJECT, false, offsetof(struct raw_config, inner), 0, 0},
    {.key = NULL},
};

static const struct node_field process_fields[] = {
    LIST_OF("Entrypoint", entrypoint),
    LIST_OF("Cmd", cmd),
    {.key = NULL},
};

static int check_texts(const struct node *list, const char *what, struct fault *why)
{
    for (size_t i = 0; i < node_count(list); i++) {
        const char *text = node_string(node_item(list, i));

        if (!text || strlen(text) > CONFIG_TEXT_MAX) {
            return fault(why, FAULT_INVALID, "%s[%zu] must be a string of at most %d bytes", what,
                         i, CONFIG_TEXT_MAX);
        }
    }
    return 0;
}

static int read_config(enum media_class class, struct config *config, struct fault *why)
{
    bool image = class == MEDIA_IMAGE_CONFIG;
    struct raw_config raw = {.config = *config};

    TRY(node_read(config->root, "config", image ? image_fields : wasm_fields, &raw, why));
    *config = raw.config;
    if (raw.inner) {
        TRY(node_read(raw.inner, image ? "config.config" : "config.component",
                      image ? process_fields : component_fields, config, why));
    }
    TRY(check_texts(config->entrypoint, "config.config.Entrypoint", why));
    TRY(check_texts(config->cmd, "config.config.Cmd", why));
    TRY(check_texts(config->imports, "config.component.imports", why));
    return check_texts(config->exports, "config.component.exports", why);
}

int config_parse(struct text bytes, const char *type, own struct config **ret, struct fault *why)
{
    AUTO(config_free) struct config *config = NEW(struct config);
    enum media_class class = media_class(type);

    config->architecture = config->os = config->created = config->author = config->target = "";
    TRY(node_parse(bytes, "the config", CONFIG_BYTES_MAX, &config->root, why));
    if (class == MEDIA_IMAGE_CONFIG || class == MEDIA_WASM_CONFIG || class == MEDIA_OLD_CONFIG) {
        TRY(read_config(class, config, why));
    }
    *ret = TAKE(config);
    return 0;
}

struct config *config_free(own struct config *config)
{
    if (config) {
        (void)node_free(config->root);
        free(config);
    }
    return NULL;
}
