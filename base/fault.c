/* SPDX-License-Identifier: Apache-2.0 */
/* A fault is a struct on the caller's stack; composing one only formats text. */
#include "base/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct kind {
    int grpc;
    int exit;
    const char *words;
} kinds[FAULT_KINDS] = {
    [FAULT_NONE] = {0, 0, "ok"},
#define FAULT(name, grpc, exit, words) [FAULT_##name] = {grpc, exit, words},
#include "base/fault.def"
#undef FAULT
};

static const struct by_errno {
    int err;
    enum fault_kind kind;
} by_errno[] = {
    {ENOENT, FAULT_NOT_FOUND},    {ESRCH, FAULT_NOT_FOUND},      {EEXIST, FAULT_EXISTS},
    {EACCES, FAULT_DENIED},       {EPERM, FAULT_DENIED},         {EROFS, FAULT_DENIED},
    {EMFILE, FAULT_LIMIT},        {ENFILE, FAULT_LIMIT},         {ENOMEM, FAULT_LIMIT},
    {ENOSPC, FAULT_LIMIT},        {EFBIG, FAULT_LIMIT},          {EINVAL, FAULT_INVALID},
    {ENOTDIR, FAULT_INVALID},     {ELOOP, FAULT_INVALID},        {ENAMETOOLONG, FAULT_INVALID},
    {ETIMEDOUT, FAULT_TIMEOUT},   {ECONNREFUSED, FAULT_UNAVAILABLE},
    {ECONNRESET, FAULT_UNAVAILABLE}, {EPIPE, FAULT_UNAVAILABLE}, {ENOSYS, FAULT_UNSUPPORTED},
    {EOPNOTSUPP, FAULT_UNSUPPORTED},
};

static void compose(char *text, size_t room, const char *format, va_list values) PRINTF_LIKE(3, 0);

/* The sentence in at most @room bytes, cut between characters: what reads it may want UTF-8. */
static void compose(char *text, size_t room, const char *format, va_list values)
{
    int length = vsnprintf(text, room, format, values);
    size_t end = room - 1;
    unsigned char lead;
    size_t bytes;

    if (length < 0 || (size_t)length <= end) {
        return;
    }
    while (end > 0 && room - end < 4 && ((unsigned char)text[end - 1] & 0xc0) == 0x80) {
        end--; /* over what continues a character, to its first byte */
    }
    lead = end > 0 ? (unsigned char)text[end - 1] : 0;
    bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead >= 0xc0 && end - 1 + bytes > room - 1) {
        text[end - 1] = '\0';
    }
}

int fault(struct fault *why, enum fault_kind kind, const char *format, ...)
{
    va_list values;

    why->kind = kind;
    why->err = 0;
    va_start(values, format);
    compose(why->text, sizeof(why->text), format, values);
    va_end(values);
    return -1;
}

int fault_sys(struct fault *why, int err, const char *format, ...)
{
    char what[FAULT_TEXT_MAX - 63]; /* room for the errno's words */
    va_list values;

    why->kind = FAULT_SYSTEM;
    why->err = err < 0 ? -err : err;
    for (size_t i = 0; i < ARRAY_SIZE(by_errno); i++) {
        if (by_errno[i].err == why->err) {
            why->kind = by_errno[i].kind;
        }
    }
    va_start(values, format);
    compose(what, sizeof(what), format, values);
    va_end(values);
    (void)snprintf(why->text, sizeof(why->text), "%s: %s", what, strerror(why->err));
    return -1;
}

int fault_while(struct fault *why, const char *format, ...)
{
    const struct fault inner = *why;
    char what[FAULT_TEXT_MAX / 3 + 1];
    va_list values;

    va_start(values, format);
    compose(what, sizeof(what), format, values);
    va_end(values);
    (void)fault(why, inner.kind, "%s: %s", what, inner.text);
    why->err = inner.err;
    return -1;
}

int fault_grpc(enum fault_kind kind)
{
    return kinds[kind].grpc;
}

int fault_exit(enum fault_kind kind)
{
    return kinds[kind].exit;
}

const char *fault_words(enum fault_kind kind)
{
    return kinds[kind].words;
}
