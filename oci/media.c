/* SPDX-License-Identifier: Apache-2.0 */
/* Thirty rows: a linear search is faster than anything that would have to be explained. */
#include "oci/media.h"

#include <string.h>

#include "base/attr.h"

static const struct media {
    const char *type;
    enum media_class class;
    const char *words;
} medias[] = {
#define MEDIA(class, type, words) {type, MEDIA_##class, words},
#include "oci/media.def"
#undef MEDIA
};

static const struct media *media_find(const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(medias); i++) {
        if (strcmp(medias[i].type, type) == 0) {
            return &medias[i];
        }
    }
    return NULL;
}

enum media_class media_class(const char *type)
{
    const struct media *media = media_find(type);

    return media ? media->class : MEDIA_UNKNOWN;
}

const char *media_refusal(const char *type)
{
    const struct media *media = media_find(type);

    return media ? media->words : "";
}

static bool is_word(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
}

bool media_is_type(const char *type)
{
    const char *slash = strchr(type, '/');

    if (!slash || !is_word(type[0]) || !is_word(slash[1]) || strlen(type) > MEDIA_TYPE_MAX) {
        return false;
    }
    for (const char *at = type; *at != '\0'; at++) {
        if (at != slash && !is_word(*at) && !strchr("!#$&-^_.+", *at)) {
            return false;
        }
    }
    return true;
}
