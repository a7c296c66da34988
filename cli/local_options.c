/* SPDX-License-Identifier: Apache-2.0 */
/* A row of the table for each option; the first word that is no option is the file. */
#include "cli/local_options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "cli/verbs.h"
#include "runtime/grant/grant.h"

enum { SERVE_PORT = 8080, CPUS_MAX = 1024 };
#define CPU_PERIOD_NS 100000000ULL

typedef int option_fn(struct local_options *options, const char *value, struct fault *why);

static int take_env(struct local_options *options, const char *value, struct fault *why)
{
    struct grant *grant = options->grant;
    const char *own_value = strchr(value, '=') ? "" : getenv(value);
    char *text = NULL;

    if (grant->env_count == GRANT_ENV_MAX) {
        return fault(why, FAULT_LIMIT, "--env: at most %d variables", GRANT_ENV_MAX);
    }
    if (value[0] == '=' || !own_value) {
        return fault(why, FAULT_INVALID,
                     "--env %.80s: NAME=VALUE, or the NAME of a variable that is set here", value);
    }
    if (strchr(value, '=')) {
        text = COPY_TEXT(value);
    } else {
        text = NEW_ARRAY(strlen(value) + strlen(own_value) + 2, char);
        (void)stpcpy(stpcpy(stpcpy(text, value), "="), own_value);
    }
    grant->env[grant->env_count++] = text;
    return 0;
}

/* Cuts ":ro" or ":rw" off. */
static bool take_suffix(struct text *text, const char *suffix)
{
    size_t length = strlen(suffix);
    bool found =
        text->length > length && memcmp(text->at + text->length - length, suffix, length) == 0;

    text->length -= found ? length : 0;
    return found;
}

static int take_dir(struct local_options *options, const char *value, struct fault *why)
{
    struct grant *grant = options->grant;
    struct grant_folder *folder = &grant->folders[grant->folders_count];
    AUTO(memory_free) char *words = NULL;
    struct text rest = text_of(value);
    bool read_only = take_suffix(&rest, ":ro");
    char *guest = NULL;

    if (!read_only) {
        (void)take_suffix(&rest, ":rw");
    }
    words = text_copy(rest);
    for (char *at = strstr(words, ":/"); at; at = strstr(at + 1, ":/")) {
        guest = at;
    }
    if (!guest || guest == words) {
        return fault(why, FAULT_INVALID, "--dir %.200s: HOST:/GUEST or HOST:/GUEST:ro", value);
    }
    if (grant->folders_count == GRANT_FOLDERS_MAX) {
        return fault(why, FAULT_LIMIT, "--dir: at most %d folders", GRANT_FOLDERS_MAX);
    }
    *guest++ = '\0';
    folder->source = realpath(words, NULL);
    if (!folder->source) {
        return fault_sys(why, -errno, "--dir: open %.200s", words);
    }
    folder->guest = COPY_TEXT(guest);
    folder->read_only = read_only;
    grant->folders_count++;
    return 0;
}

static int take_net(struct local_options *options, const char *value, struct fault *why)
{
    if (strcmp(value, "none") == 0) {
        options->grant->network = GRANT_NETWORK_NONE;
    } else if (strcmp(value, "host") == 0) {
        options->grant->network = GRANT_NETWORK_NODE;
        grant_use_node_files(options->grant);
    } else {
        return fault(why, FAULT_INVALID, "--net %.80s: none or host", value);
    }
    return 0;
}

static int take_memory(struct local_options *options, const char *value, struct fault *why)
{
    if (!text_to_bytes(text_of(value), INT64_MAX, &options->grant->limits.memory_bytes) ||
        options->grant->limits.memory_bytes == 0) {
        return fault(why, FAULT_INVALID, "--memory %.80s: a size such as 64Mi", value);
    }
    return 0;
}

/* A decimal number of processors, in thousandths. */
static int take_cpus(struct local_options *options, const char *value, struct fault *why)
{
    const char *dot = strchr(value, '.');
    struct text whole = {.at = value, .length = dot ? (size_t)(dot - value) : strlen(value)};
    struct text part = text_of(dot ? dot + 1 : "0");
    uint64_t cpus = 0;
    uint64_t thousandths = 0;
    bool fits = part.length <= 3 && text_to_u64(whole, 0, CPUS_MAX, &cpus) &&
                text_to_u64(part, 0, 999, &thousandths);

    for (size_t i = part.length; i < 3; i++) {
        thousandths *= 10;
    }
    if (!fits || cpus * 1000 + thousandths == 0) {
        return fault(why, FAULT_INVALID, "--cpus %.80s: a number such as 0.5 or 2", value);
    }
    options->grant->limits.cpu_period_ns = CPU_PERIOD_NS;
    options->grant->limits.cpu_quota_ns = CPU_PERIOD_NS / 1000 * (cpus * 1000 + thousandths);
    return 0;
}

static int take_port(struct local_options *options, const char *value, struct fault *why)
{
    uint64_t port = 0;

    if (!text_to_u64(text_of(value), 0, UINT16_MAX, &port)) {
        return fault(why, FAULT_INVALID, "\"%.80s\" is no port", value);
    }
    options->grant->port = (uint16_t)port;
    return 0;
}

/* ADDR:PORT, [ADDR]:PORT, :PORT */
static int take_listen(struct local_options *options, const char *value, struct fault *why)
{
    const char *colon = strrchr(value, ':');
    struct text address = {.at = value, .length = colon ? (size_t)(colon - value) : 0};

    if (!colon) {
        return fault(why, FAULT_INVALID, "--listen %.80s: ADDRESS:PORT", value);
    }
    if (address.length >= 2 && address.at[0] == '[' && address.at[address.length - 1] == ']') {
        address.at++;
        address.length -= 2;
    }
    free(options->address);
    options->address = address.length == 0 || text_is(address, "*") ? NULL : text_copy(address);
    return take_port(options, colon + 1, why);
}

static int take_cache(struct local_options *options, const char *value, struct fault *why)
{
    (void)why;
    options->cache = value;
    return 0;
}

static int take_verbose(struct local_options *options, const char *value, struct fault *why)
{
    (void)value;
    (void)why;
    options->verbose = true;
    return 0;
}

static const struct row {
    const char *name;
    int has_value;
    bool serve_only;
    option_fn *take;
} rows[] = {
    {"env", required_argument, false, take_env},
    {"dir", required_argument, false, take_dir},
    {"net", required_argument, false, take_net},
    {"memory", required_argument, false, take_memory},
    {"cpus", required_argument, false, take_cpus},
    {"port", required_argument, true, take_port},
    {"listen", required_argument, true, take_listen},
    {"cache", required_argument, false, take_cache},
    {"verbose", no_argument, false, take_verbose},
};

static int take_options(int argc, char **argv, struct local_options *options, struct fault *why)
{
    struct option list[ARRAY_SIZE(rows) + 1] = {0};
    size_t count = 0;
    int found;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (options->serve || !rows[i].serve_only) {
            list[count++] = (struct option){rows[i].name, rows[i].has_value, NULL, (int)i};
        }
    }
    opterr = 0;
    while ((void)(found = getopt_long(argc, argv, "+", list, NULL)), found >= 0) {
        if (found >= (int)ARRAY_SIZE(rows)) { /* '?': its own number is a character's */
            return verb_misused(argv[0], "an option is not known or lacks its value", why);
        }
        TRY(rows[found].take(options, optarg, why));
    }
    return 0;
}

static int take_words(int argc, char **argv, struct local_options *options, struct fault *why)
{
    struct grant *grant = options->grant;
    const char *slash = NULL;

    if (argc == 0) {
        return verb_misused(options->serve ? "serve" : "run", "a file is needed", why);
    }
    if (options->serve && argc > 1) {
        return verb_misused("serve", "a server has no arguments", why);
    }
    if (argc > GRANT_ARGS_MAX) {
        return fault(why, FAULT_LIMIT, "at most %d arguments", GRANT_ARGS_MAX);
    }
    options->file = argv[0];
    slash = strrchr(argv[0], '/');
    grant->args = NEW_ARRAY((size_t)argc, char *);
    grant->args_count = (size_t)argc;
    for (int i = 0; i < argc; i++) {
        grant->args[i] = COPY_TEXT(i == 0 && slash ? slash + 1 : argv[i]);
    }
    return 0;
}

int local_options_parse(int argc, char **argv, struct local_options *ret, struct fault *why)
{
    struct grant *grant = NEW(struct grant);

    *ret = (struct local_options){.serve = strcmp(argv[0], "serve") == 0, .grant = grant};
    grant->env = NEW_ARRAY(GRANT_ENV_MAX, char *);
    grant->folders = NEW_ARRAY(GRANT_FOLDERS_MAX, struct grant_folder);
    grant->cwd = COPY_TEXT("/");
    grant->network = ret->serve ? GRANT_NETWORK_NODE : GRANT_NETWORK_NONE;
    grant->port = SERVE_PORT;
    ret->address = COPY_TEXT("127.0.0.1");
    TRY(take_options(argc, argv, ret, why));
    return take_words(argc - optind, argv + optind, ret, why);
}

void local_options_fini(struct local_options *options)
{
    options->grant = grant_free(options->grant);
    free(options->address);
    options->address = NULL;
}
