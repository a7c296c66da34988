/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar is regular, and every part ends at a byte that no later part may hold: the digest
 * begins at '@', the tag at the last ':' behind the last '/', the registry ends at the first '/'.
 * Each part is then checked by one pass over its bytes.
 */
#include "oci/reference.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

static bool is_lower(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

static bool is_word(char byte)
{
    return is_lower(byte) || (byte >= 'A' && byte <= 'Z');
}

/* Bytes from @at that are none of the alphabet: '.', '_', '__' or any number of '-'. */
static size_t separator_length(struct text part, size_t at)
{
    size_t dashes = 0;

    while (at + dashes < part.length && part.at[at + dashes] == '-') {
        dashes++;
    }
    if (dashes > 0) {
        return dashes;
    }
    if (part.at[at] == '.') {
        return 1;
    }
    if (part.at[at] == '_') {
        return at + 1 < part.length && part.at[at + 1] == '_' ? 2 : 1;
    }
    return 0;
}

/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*, and the same again behind each '/'. */
bool reference_is_repository(struct text text)
{
    size_t i = 0;

    if (text.length == 0 || text.length > REFERENCE_NAME_MAX) {
        return false;
    }
    while (i < text.length) {
        size_t run = 0;

        while (i + run < text.length && is_lower(text.at[i + run])) {
            run++;
        }
        if (run == 0) {
            return false;
        }
        i += run;
        if (i == text.length) {
            return true;
        }
        run = text.at[i] == '/' ? 1 : separator_length(text, i);
        if (run == 0) {
            return false;
        }
        i += run;
    }
    return false;
}

static bool is_tag(struct text tag)
{
    if (tag.length == 0 || tag.length > REFERENCE_TAG_MAX || tag.at[0] == '.' ||
        tag.at[0] == '-') {
        return false;
    }
    for (size_t i = 0; i < tag.length; i++) {
        if (!is_word(tag.at[i]) && !strchr("._-", tag.at[i])) {
            return false;
        }
    }
    return true;
}

/* Labels of letters, digits and inner dashes, joined by dots (RFC 1123). */
static bool is_host_name(struct text host)
{
    char before = '.';

    for (size_t i = 0; i < host.length; i++) {
        char byte = host.at[i];
        bool edge = before == '.';

        if (!is_word(byte) && (edge || (byte != '-' && byte != '.'))) {
            return false;
        }
        if (byte == '.' && before == '-') {
            return false;
        }
        before = byte;
    }
    return before != '.' && before != '-';
}

/* The inside of [brackets]: an IPv6 address, whose exact form the resolver judges. */
static bool is_address(struct text address)
{
    bool colon = false;

    for (size_t i = 0; i < address.length; i++) {
        char byte = address.at[i];

        colon = colon || byte == ':';
        if (byte != ':' && byte != '.' && !(byte >= '0' && byte <= '9') &&
            !(byte >= 'a' && byte <= 'f') && !(byte >= 'A' && byte <= 'F')) {
            return false;
        }
    }
    return colon;
}

static bool is_registry(struct text registry)
{
    struct text host = registry;
    const char *colon = NULL;
    uint64_t port = 0;

    if (registry.length > 0 && registry.at[0] == '[') {
        const char *bracket = (const char *)memchr(registry.at, ']', registry.length);

        if (!bracket) {
            return false;
        }
        host = (struct text){registry.at + 1, (size_t)(bracket - registry.at - 1)};
        colon = bracket + 1;
        colon = colon == registry.at + registry.length ? NULL : colon;
        if (!is_address(host) || (colon && *colon != ':')) {
            return false;
        }
    } else {
        colon = (const char *)memchr(registry.at, ':', registry.length);
        host.length = colon ? (size_t)(colon - registry.at) : registry.length;
        if (host.length == 0 || !is_host_name(host)) {
            return false;
        }
    }
    return !colon || text_to_u64((struct text){colon + 1, (size_t)(registry.at + registry.length -
                                                                   colon - 1)}, 1, 65535, &port);
}

static bool names_registry(struct text part)
{
    return memchr(part.at, '.', part.length) || memchr(part.at, ':', part.length) ||
           text_is(part, "localhost");
}

/* Cuts what follows the last @mark off @text; false when there is none. */
static bool cut_behind(struct text *text, char mark, struct text *ret)
{
    const char *at = (const char *)memrchr(text->at, mark, text->length);

    if (!at) {
        return false;
    }
    *ret = (struct text){at + 1, (size_t)(text->at + text->length - at - 1)};
    text->length = (size_t)(at - text->at);
    return true;
}

static void keep(char *room, struct text part)
{
    memcpy(room, part.at, part.length);
    room[part.length] = '\0';
}

/* @whole is what people typed; in a sentence it is shortened, and only printable bytes get here. */
static int check_shape(struct text whole, struct fault *why)
{
    if (whole.length == 0) {
        return fault(why, FAULT_INVALID, "a reference is registry/repository:tag, not empty");
    }
    if (whole.length > REFERENCE_TEXT_MAX) {
        return fault(why, FAULT_LIMIT, "a reference has at most %d bytes, not %zu",
                     REFERENCE_TEXT_MAX, whole.length);
    }
    for (size_t i = 0; i < whole.length; i++) {
        if (whole.at[i] <= ' ' || whole.at[i] > '~') {
            return fault(why, FAULT_INVALID, "byte %zu of the reference is not printable ASCII",
                         i + 1);
        }
    }
    return 0;
}

static int split_name(struct text name, struct text whole, struct reference *parts,
                      struct fault *why)
{
    const char *slash = (const char *)memchr(name.at, '/', name.length);
    struct text registry = {name.at, slash ? (size_t)(slash - name.at) : 0};
    struct text repository = {slash ? slash + 1 : name.at,
                              slash ? name.length - registry.length - 1 : name.length};
    const char *library = "";

    if (!slash || !names_registry(registry)) {
        return fault(why, FAULT_INVALID,
                     "%.*s names no registry; write docker.io/%.*s if that is meant",
                     (int)whole.length, whole.at, (int)whole.length, whole.at);
    }
    if (!is_registry(registry)) {
        return fault(why, FAULT_INVALID, "%.*s is not a registry's host and port",
                     (int)registry.length, registry.at);
    }
    if (!reference_is_repository(repository)) {
        return fault(why, FAULT_INVALID, "%.*s is not a repository: words of a-z and 0-9, joined "
                     "by one of . _ __ - or /", (int)repository.length, repository.at);
    }
    if (text_is(registry, "docker.io") && !memchr(repository.at, '/', repository.length)) {
        library = "library/";
    }
    if (registry.length + 1 + strlen(library) + repository.length > REFERENCE_NAME_MAX) {
        return fault(why, FAULT_LIMIT, "registry and repository have at most %d bytes, not %zu",
                     REFERENCE_NAME_MAX, registry.length + 1 + repository.length);
    }
    keep(parts->registry, registry);
    (void)snprintf(parts->repository, sizeof(parts->repository), "%s%.*s", library,
                   (int)repository.length, repository.at);
    return 0;
}

int reference_parse(struct text text, struct reference *ret, struct fault *why)
{
    struct reference parts = {.tag = ""};
    struct text name = text;
    struct text digest = {0};
    struct text tag = {0};
    struct digest_name parsed;
    const char *slash = NULL;

    TRY(check_shape(text, why));
    if (cut_behind(&name, '@', &digest)) {
        TRY(digest_name_parse(digest, &parsed, why));
        memcpy(parts.digest, parsed.text, sizeof(parts.digest));
    }
    slash = (const char *)memrchr(name.at, '/', name.length);
    if (slash) {
        struct text last = {slash + 1, (size_t)(name.at + name.length - slash - 1)};
        size_t before = last.length;

        if (cut_behind(&last, ':', &tag)) {
            name.length -= before - last.length;
            if (!is_tag(tag)) {
                return fault(why, FAULT_INVALID, "%.*s is not a tag: 1 to %d of A-Z a-z 0-9 _ . -,"
                             " not beginning with . or -", (int)tag.length, tag.at,
                             REFERENCE_TAG_MAX);
            }
            keep(parts.tag, tag);
        }
    }
    TRY(split_name(name, text, &parts, why));
    *ret = parts;
    return 0;
}

void reference_print(const struct reference *reference, char ret[REFERENCE_TEXT_MAX + 1])
{
    (void)snprintf(ret, REFERENCE_TEXT_MAX + 1, "%s/%s%s%s%s%s", reference->registry,
                   reference->repository, reference->tag[0] != '\0' ? ":" : "", reference->tag,
                   reference->digest[0] != '\0' ? "@" : "", reference->digest);
}

const char *reference_target(const struct reference *reference)
{
    if (reference->digest[0] != '\0') {
        return reference->digest;
    }
    return reference->tag[0] != '\0' ? reference->tag : "latest";
}
