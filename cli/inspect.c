/* SPDX-License-Identifier: Apache-2.0 */
/* skep inspect: a component or an image, and what a pod needs to run it. */
#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/report.h"
#include "cli/subject.h"
#include "cli/trial.h"
#include "cli/verbs.h"

struct inspect_options {
    bool json;
    bool compile;
};

static int read_options(int argc, char **argv, struct inspect_options *ret, struct fault *why)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"compile", no_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option != 'j' && option != 'c') {
            return verb_misused("inspect", "an option is not known", why);
        }
        ret->json = ret->json || option == 'j';
        ret->compile = ret->compile || option == 'c';
    }
    return argc - optind == 1 ? 0 : verb_misused("inspect", "a file or a reference is needed", why);
}

int verb_inspect(int argc, char **argv, struct fault *why)
{
    AUTO(subject_free) struct subject *subject = NULL;
    AUTO(node_free) struct node *description = NULL;
    AUTO(buf_fini) struct buf out = BUF(REPORT_MAX);
    struct inspect_options options = {.json = false};
    struct report report = {.subject = NULL};
    int done;

    TRY(read_options(argc, argv, &options, why));
    TRY(subject_open(argv[optind], &subject, why));
    if (options.compile && !subject->binary) {
        return fault(why, FAULT_NOT_FOUND, "no component was found in %.200s", argv[optind]);
    }
    if (options.compile) {
        TRY(trial(subject->wasm, &description, why));
    }
    report.subject = subject;
    report.trial = description;
    if (options.json) {
        report_print_json(&report, &out);
    } else {
        report_print_text(&report, &out);
    }
    TRY(buf_check(&out, "the report", why));
    done = fs_write_all(STDOUT_FILENO, out.data, out.length);
    return done < 0 ? fault_sys(why, done, "print") : 0;
}
