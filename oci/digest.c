/* SPDX-License-Identifier: Apache-2.0 */
/* A name is kept as the text that it is: it is only ever compared and printed. */
#include "oci/digest.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

static const struct algorithm {
    const char *prefix;
    size_t digits;
    enum digest_kind kind;
} algorithms[] = {
    {"sha256:", 64, DIGEST_SHA256},
    {"sha512:", 128, DIGEST_SHA512},
};

static bool is_hexadecimal(const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!(at[i] >= '0' && at[i] <= '9') && !(at[i] >= 'a' && at[i] <= 'f')) {
            return false;
        }
    }
    return true;
}

int digest_name_parse(struct text text, struct digest_name *ret, struct fault *why)
{
    const char *colon = text.at ? (const char *)memchr(text.at, ':', text.length) : NULL;
    size_t prefix = colon ? (size_t)(colon - text.at) + 1 : 0;

    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
        if (!text_starts(text, algorithms[i].prefix)) {
            continue;
        }
        if (text.length - prefix != algorithms[i].digits ||
            !is_hexadecimal(text.at + prefix, text.length - prefix)) {
            return fault(why, FAULT_INVALID,
                         "a %.6s digest has %zu lower-case hexadecimal digits, not %.*s",
                         algorithms[i].prefix, algorithms[i].digits,
                         text.length - prefix > 140 ? 140 : (int)(text.length - prefix),
                         text.at + prefix);
        }
        *ret = (struct digest_name){.kind = algorithms[i].kind};
        memcpy(ret->text, text.at, text.length);
        return 0;
    }
    if (!colon) {
        return fault(why, FAULT_INVALID, "a digest is sha256:<64 hexadecimal digits>");
    }
    return fault(why, FAULT_UNSUPPORTED, "digests are sha256 or sha512, not %.*s",
                 prefix > 33 ? 32 : (int)(prefix - 1), text.at);
}

const char *digest_name_hex(const struct digest_name *name)
{
    return name->text + strlen("sha256:");
}

static void name_sha256(struct digest_name *name, const char *hex)
{
    *name = (struct digest_name){.kind = DIGEST_SHA256};
    (void)snprintf(name->text, sizeof(name->text), "sha256:%s", hex);
}

void digest_name_of(const void *bytes, size_t length, struct digest_name *ret)
{
    char hex[DIGEST_HEX_ROOM];

    digest_bytes(bytes, length, hex);
    name_sha256(ret, hex);
}

int digest_name_of_file(int fd, uint64_t max, struct digest_name *ret)
{
    char hex[DIGEST_HEX_ROOM];

    TRY(digest_file(fd, max, hex));
    name_sha256(ret, hex);
    return 0;
}

int digest_name_end(struct digest *digest, const struct digest_name *wanted, const char *what,
                    struct fault *why)
{
    char hex[DIGEST_HEX_ROOM_MAX];

    digest_end_kind(digest, hex);
    if (strcmp(hex, digest_name_hex(wanted)) != 0) {
        return fault(why, FAULT_INVALID, "%s should be %s but its bytes have %.7s%s", what,
                     wanted->text, wanted->text, hex);
    }
    return 0;
}

int digest_name_check(const struct digest_name *wanted, struct text bytes, const char *what,
                      struct fault *why)
{
    AUTO(digest_free) struct digest *digest = digest_new_kind(wanted->kind);

    digest_add(digest, bytes.at, bytes.length);
    return digest_name_end(digest, wanted, what, why);
}
