/* SPDX-License-Identifier: Apache-2.0 */
/* One table of flags; what is not in it may come with any future containerd. */
#include "shim/launcher/options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct flag {
    const char *name;
    size_t offset;
    bool is_switch;
} flags[] = {
    {"namespace", offsetof(struct options, namespace_id), false},
    {"id", offsetof(struct options, id), false},
    {"address", offsetof(struct options, address), false},
    {"publish-binary", offsetof(struct options, publisher), false},
    {"bundle", offsetof(struct options, bundle), false},
    {"debug", offsetof(struct options, debug), true},
    {"v", offsetof(struct options, version), true},
    {"version", offsetof(struct options, version), true},
    {"info", offsetof(struct options, info), true},
};

static const struct flag *flag_find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strlen(flags[i].name) == length && memcmp(flags[i].name, name, length) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

static bool is_action(const char *word)
{
    return strcmp(word, "start") == 0 || strcmp(word, "delete") == 0;
}

/* Return: how many words the flag took. */
static int flag_take(const char *word, const char *next, struct options *ret)
{
    const char *name = word + (word[1] == '-' ? 2 : 1);
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const struct flag *flag = flag_find(name, length);

    if (flag && flag->is_switch) {
        *(bool *)((char *)ret + flag->offset) = !value || strcmp(value, "false") != 0;
        return 1;
    }
    if (value) {
        if (flag) {
            *(const char **)(void *)((char *)ret + flag->offset) = value;
        }
        return 1;
    }
    if (!next || (!flag && (next[0] == '-' || is_action(next)))) {
        return 1;
    }
    if (flag) {
        *(const char **)(void *)((char *)ret + flag->offset) = next;
    }
    return 2;
}

void options_read(int argc, char **argv, struct options *ret)
{
    const char *ttrpc = getenv("TTRPC_ADDRESS");

    *ret = (struct options){.namespace_id = "",
                            .id = "",
                            .address = "",
                            .ttrpc = ttrpc ? ttrpc : "",
                            .bundle = "",
                            .publisher = ""};
    for (int i = 1; i < argc;) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            i += flag_take(argv[i], i + 1 < argc ? argv[i + 1] : NULL, ret);
        } else {
            ret->action = argv[i];
            i++;
        }
    }
}
