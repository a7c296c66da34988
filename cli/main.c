/* SPDX-License-Identifier: Apache-2.0 */
/* The first word chooses a row of verbs.def; all else belongs to that verb. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "cli/verbs.h"

static const struct verb {
    const char *name;
    verb_fn *run;
    const char *arguments;
    const char *summary;
    const char *options;
} verbs[] = {
#define VERB(name, arguments, summary, options) {#name, verb_##name, arguments, summary, options},
#include "cli/verbs.def"
#undef VERB
};

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static void print_usage(const struct verb *verb)
{
    (void)printf("usage: skep %s%s%s\n%s\n", verb->name, verb->arguments[0] != '\0' ? " " : "",
                 verb->arguments, verb->summary);
    if (verb->options[0] != '\0') {
        (void)printf("\n%s", verb->options);
    }
}

static void print_overview(FILE *to)
{
    (void)fputs("skep: WebAssembly components as containers\n\nusage: skep VERB [options] …\n\n",
                to);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        (void)fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
    }
    (void)fputs("\nskep help VERB shows the options of a verb.\n", to);
}

int verb_misused(const char *name, const char *what, struct fault *why)
{
    const struct verb *verb = verb_find(name);

    return fault(why, FAULT_INVALID, "%s (usage: skep %s %s)", what, name,
                 verb ? verb->arguments : "");
}

int verb_help(int argc, char **argv, struct fault *why)
{
    const struct verb *verb = NULL;

    if (argc < 2) {
        print_overview(stdout);
        return 0;
    }
    verb = verb_find(argv[1]);
    if (!verb) {
        return fault(why, FAULT_INVALID, "there is no verb %.40s; skep help lists them", argv[1]);
    }
    print_usage(verb);
    return 0;
}

int verb_version(int argc, char **argv, struct fault *why)
{
    if (argc > 1) {
        return verb_misused(argv[0], "there are no arguments", why);
    }
    (void)puts("skep " SKEP_VERSION);
    return 0;
}

/* Options that mean the same before and after every verb. */
static bool wants_help(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int run(int argc, char **argv, struct fault *why)
{
    const struct verb *verb = NULL;

    if (argc < 2) {
        print_overview(stderr);
        return fault_exit(FAULT_INVALID);
    }
    if (wants_help(argc, argv)) {
        print_overview(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        return verb_version(1, argv + 1, why);
    }
    verb = verb_find(argv[1]);
    if (!verb) {
        return fault(why, FAULT_INVALID, "there is no verb %.40s; skep help lists them", argv[1]);
    }
    if (wants_help(argc - 1, argv + 1)) {
        print_usage(verb);
        return 0;
    }
    return verb->run(argc - 1, argv + 1, why);
}

int main(int argc, char **argv)
{
    struct fault why = {0};
    int status;

    (void)signal(SIGPIPE, SIG_IGN);
    log_open(STDERR_FILENO, "skep", LOG_LEVEL_WARN);
    status = run(argc, argv, &why);
    if (status < 0) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "skep: %s\n", why.text);
        return fault_exit(why.kind);
    }
    return fflush(stdout) == 0 ? status : 1;
}
