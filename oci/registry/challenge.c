/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word followed by "=" is a parameter of the scheme before it; any other word is a scheme. That is
 * enough to tell them apart, commas inside quotes included.
 */
#include "oci/registry/challenge.h"

#include <string.h>
#include <strings.h>

static bool is_word(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte));
}

static struct text take_word(struct text *in)
{
    struct text word = {.at = in->at};

    while (word.length < in->length && is_word(in->at[word.length])) {
        word.length++;
    }
    in->at += word.length;
    in->length -= word.length;
    return word;
}

static void skip(struct text *in, const char *bytes)
{
    while (in->length > 0 && *in->at != '\0' && strchr(bytes, *in->at)) {
        in->at++;
        in->length--;
    }
}

static bool text_equals(struct text text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

/* A value on its way out; what does not fit is counted but not kept. */
struct value {
    char bytes[CHALLENGE_VALUE_MAX];
    size_t length;
};

static void value_add(struct value *value, char byte)
{
    if (value->length < sizeof(value->bytes)) {
        value->bytes[value->length] = byte;
    }
    value->length++;
}

/* A quoted text behind its first quote, escapes undone. Return: false when it does not end. */
static bool take_quoted(struct text *in, struct value *value)
{
    size_t i = 0;
    size_t quote = 0;

    while (i < in->length && in->at[i] != '"') {
        i += in->at[i] == '\\' && i + 1 < in->length ? 1 : 0;
        value_add(value, in->at[i]);
        i++;
    }
    quote = i < in->length ? 1 : 0;
    *in = (struct text){in->at + i + quote, in->length - i - quote};
    return quote == 1;
}

static void take_token(struct text *in, struct value *value)
{
    size_t i = 0;

    while (i < in->length && !memchr(", \t", in->at[i], 3)) {
        value_add(value, in->at[i]);
        i++;
    }
    *in = (struct text){in->at + i, in->length - i};
}

/* A token or a quoted text, into @ret unless that is NULL or too small. */
static void take_value(struct text *in, char *ret)
{
    struct value value = {.length = 0};
    bool whole = true;

    if (in->length > 0 && *in->at == '"') {
        *in = (struct text){in->at + 1, in->length - 1};
        whole = take_quoted(in, &value);
    } else {
        take_token(in, &value);
    }
    if (ret && whole && value.length < sizeof(value.bytes) &&
        !memchr(value.bytes, '\0', value.length)) {
        memcpy(ret, value.bytes, value.length);
        ret[value.length] = '\0';
    }
}

static char *parameter_of(struct challenge *challenge, struct text name)
{
    if (text_equals(name, "realm")) {
        return challenge->realm;
    }
    if (text_equals(name, "service")) {
        return challenge->service;
    }
    return text_equals(name, "scope") ? challenge->scope : NULL;
}

void challenge_parse(struct text header, struct challenge *ret)
{
    bool bearer = false;

    *ret = (struct challenge){.basic = false};
    while (header.length > 0) {
        struct text word;
        struct text ahead;

        skip(&header, " \t,");
        word = take_word(&header);
        ahead = header;
        skip(&ahead, " \t");
        if (word.length > 0 && ahead.length > 0 && *ahead.at == '=') {
            header = (struct text){ahead.at + 1, ahead.length - 1};
            skip(&header, " \t");
            take_value(&header, bearer ? parameter_of(ret, word) : NULL);
        } else if (word.length > 0) {
            bearer = text_equals(word, "bearer");
            ret->bearer = ret->bearer || bearer;
            ret->basic = ret->basic || text_equals(word, "basic");
        } else if (header.length > 0) {
            header.at++; /* a byte that belongs nowhere */
            header.length--;
        }
    }
}
