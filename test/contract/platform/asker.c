/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asker: asks the platform's components what its arguments say, and prints each answer on a line.
 *
 * How it works: an argument is a verb and its words, separated by "|". In a word %XX is a byte and @N
 * stands for N times "x". Answers are printed with what is not plain as %XX, values up to PRINTED. It is
 * a library that exports wasi:cli/run: in a command the linker ends libc around every call of an export,
 * and what the bindings allocate with is one.
 */
#include <asker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORDS = 4,
    PRINTED = 60,
};

struct ask {
    asker_string_t word[WORDS]; /* behind the verb */
};

static wasi_keyvalue_store_own_bucket_t bucket;

static void print(const uint8_t *at, size_t count)
{
    for (size_t i = 0; i < count && i < PRINTED; i++) {
        if (at[i] > ' ' && at[i] < 0x7f && at[i] != '%') {
            putchar(at[i]);
        } else {
            printf("%%%02X", at[i]);
        }
    }
}

static void print_some(const uint8_t *at, size_t count)
{
    printf("some %zu ", count);
    print(at, count);
    putchar('\n');
}

static void print_config_failure(const wasi_config_store_error_t *why)
{
    printf("%s: %.*s\n", why->tag == WASI_CONFIG_STORE_ERROR_IO ? "io" : "upstream",
           (int)why->val.io.len, (const char *)why->val.io.ptr);
}

static void config_get(struct ask *ask)
{
    asker_option_string_t value;
    wasi_config_store_error_t why;

    if (!wasi_config_store_get(&ask->word[0], &value, &why)) {
        print_config_failure(&why);
    } else if (!value.is_some) {
        puts("none");
    } else {
        print_some(value.val.ptr, value.val.len);
    }
}

static void config_all(struct ask *ask)
{
    asker_list_tuple2_string_string_t all;
    wasi_config_store_error_t why;

    (void)ask;
    if (!wasi_config_store_get_all(&all, &why)) {
        print_config_failure(&why);
        return;
    }
    printf("%zu", all.len);
    for (size_t i = 0; i < all.len; i++) {
        putchar(' ');
        print(all.ptr[i].f0.ptr, all.ptr[i].f0.len);
        putchar('=');
        print(all.ptr[i].f1.ptr, all.ptr[i].f1.len);
    }
    putchar('\n');
}

static bool done(bool good, const wasi_keyvalue_store_error_t *why)
{
    if (!good && why->tag == WASI_KEYVALUE_STORE_ERROR_NO_SUCH_STORE) {
        puts("no such store");
    } else if (!good && why->tag == WASI_KEYVALUE_STORE_ERROR_ACCESS_DENIED) {
        puts("access denied");
    } else if (!good) {
        printf("other: %.*s\n", (int)why->val.other.len, (const char *)why->val.other.ptr);
    }
    return good;
}

static bool open_bucket(const asker_string_t *name)
{
    asker_string_t copy = *name;
    wasi_keyvalue_store_error_t why;

    return done(wasi_keyvalue_store_open(&copy, &bucket, &why), &why);
}

static wasi_keyvalue_store_borrow_bucket_t borrowed(void)
{
    return wasi_keyvalue_store_borrow_bucket(bucket);
}

static void say_done(bool good, const wasi_keyvalue_store_error_t *why)
{
    if (done(good, why)) {
        puts("done");
    }
}

static void key_get(struct ask *ask)
{
    asker_option_list_u8_t value;
    wasi_keyvalue_store_error_t why;

    if (!done(wasi_keyvalue_store_method_bucket_get(borrowed(), &ask->word[1], &value, &why), &why)) {
        return;
    }
    if (value.is_some) {
        print_some(value.val.ptr, value.val.len);
        asker_list_u8_free(&value.val);
    } else {
        puts("none");
    }
}

static void key_set(struct ask *ask)
{
    asker_list_u8_t value = {.ptr = ask->word[2].ptr, .len = ask->word[2].len};
    wasi_keyvalue_store_error_t why;

    say_done(wasi_keyvalue_store_method_bucket_set(borrowed(), &ask->word[1], &value, &why), &why);
}

static void key_delete(struct ask *ask)
{
    wasi_keyvalue_store_error_t why;

    say_done(wasi_keyvalue_store_method_bucket_delete(borrowed(), &ask->word[1], &why), &why);
}

static void key_exists(struct ask *ask)
{
    wasi_keyvalue_store_error_t why;
    bool there;

    if (done(wasi_keyvalue_store_method_bucket_exists(borrowed(), &ask->word[1], &there, &why), &why)) {
        puts(there ? "yes" : "no");
    }
}

/* As many keys as the word says, named k0, k1 and so on. */
static void keys_fill(struct ask *ask)
{
    long most = strtol((const char *)ask->word[1].ptr, NULL, 10);

    for (long i = 0; i < most; i++) {
        char name[32];
        asker_string_t key;
        asker_list_u8_t value = {.ptr = (uint8_t *)name, .len = 1};
        wasi_keyvalue_store_error_t why;

        snprintf(name, sizeof(name), "k%ld", i);
        asker_string_set(&key, name);
        if (!done(wasi_keyvalue_store_method_bucket_set(borrowed(), &key, &value, &why), &why)) {
            return;
        }
    }
    puts("done");
}

/* All pages: their sizes, then their keys. With the word "eat" the keys of a page are deleted at once. */
static void keys_list(struct ask *ask)
{
    bool eat = ask->word[1].len > 0;
    uint64_t at;
    uint64_t *after = NULL;
    wasi_keyvalue_store_key_response_t page;
    wasi_keyvalue_store_error_t why;

    do {
        if (!done(wasi_keyvalue_store_method_bucket_list_keys(borrowed(), after, &page, &why), &why)) {
            return;
        }
        printf("%zu:", page.keys.len);
        for (size_t i = 0; i < page.keys.len; i++) {
            putchar(' ');
            print(page.keys.ptr[i].ptr, page.keys.ptr[i].len);
            if (eat) {
                done(wasi_keyvalue_store_method_bucket_delete(borrowed(), &page.keys.ptr[i], &why), &why);
            }
        }
        printf("%s", page.cursor.is_some ? " | " : "\n");
        asker_list_string_free(&page.keys);
        at = page.cursor.val;
        after = &at;
    } while (page.cursor.is_some);
}

/* Opens the bucket until it is refused, then gives all back and opens it once more. */
static void buckets_hold(struct ask *ask)
{
    static wasi_keyvalue_store_own_bucket_t held[1000];
    size_t count = 0;

    while (count < sizeof(held) / sizeof(*held) && open_bucket(&ask->word[0])) {
        held[count++] = bucket;
    }
    printf("%zu were open\n", count);
    while (count > 0) {
        wasi_keyvalue_store_bucket_drop_own(held[--count]);
    }
    if (open_bucket(&ask->word[0])) {
        puts("open again");
    }
}

static void bucket_opens(struct ask *ask)
{
    (void)ask;
    puts("open");
}

static void log_record(struct ask *ask)
{
    wasi_logging_logging_log((wasi_logging_logging_level_t)(ask->word[0].ptr[0] - '0'), &ask->word[1],
                             &ask->word[2]);
}

static const struct {
    const char *name;
    void (*act)(struct ask *ask);
    bool of_bucket;
} verbs[] = {
    {"get", config_get, false},      {"all", config_all, false},    {"open", bucket_opens, true},
    {"kget", key_get, true},         {"kset", key_set, true},       {"kdelete", key_delete, true},
    {"kexists", key_exists, true},   {"kfill", keys_fill, true},    {"klist", keys_list, true},
    {"hold", buckets_hold, false},   {"log", log_record, false},
};

static asker_string_t decode(const char *text, size_t count)
{
    size_t many = *text == '@' ? strtoul(text + 1, NULL, 10) : 0;
    asker_string_t word = {.ptr = calloc(1, (many > count ? many : count) + 1), .len = many};

    memset(word.ptr, 'x', many);
    for (size_t i = 0; i < count && *text != '@'; i++) {
        if (text[i] == '%') {
            char digits[3] = {text[i + 1], text[i + 2], '\0'};

            word.ptr[word.len++] = (uint8_t)strtoul(digits, NULL, 16);
            i += 2;
        } else {
            word.ptr[word.len++] = (uint8_t)text[i];
        }
    }
    return word;
}

static void run(const char *argument)
{
    struct ask ask;
    size_t verb = strcspn(argument, "|");
    const char *at = argument + verb;

    for (size_t i = 0; i < WORDS; i++) {
        at += *at == '|';
        ask.word[i] = decode(at, strcspn(at, "|"));
        at += strcspn(at, "|");
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        if (strncmp(argument, verbs[i].name, verb) != 0 || verbs[i].name[verb] != '\0') {
            continue;
        }
        if (!verbs[i].of_bucket) {
            verbs[i].act(&ask);
        } else if (open_bucket(&ask.word[0])) {
            verbs[i].act(&ask);
            wasi_keyvalue_store_bucket_drop_own(bucket);
        }
        return;
    }
    printf("asker: no such verb: %s\n", argument);
}

bool exports_wasi_cli_run_run(void)
{
    asker_list_string_t arguments;

    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    wasi_cli_environment_get_arguments(&arguments);
    for (size_t i = 1; i < arguments.len; i++) {
        char *argument = strndup((const char *)arguments.ptr[i].ptr, arguments.ptr[i].len);

        run(argument);
        free(argument);
        fflush(stdout);
    }
    return true;
}
