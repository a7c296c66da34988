/* SPDX-License-Identifier: Apache-2.0 */
/* skep inspect: a component or an image, and what a pod needs to run it; or several, and who is
 * linked to whom. */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/family.h"
#include "cli/graph.h"
#include "cli/report.h"
#include "cli/subject.h"
#include "cli/trial.h"
#include "cli/verbs.h"

struct inspect_options {
    bool json;
    bool compile;
    bool graph;
    bool svg;
    struct family_file files[PLAN_PARTS_MAX]; /* of a graph: containers, then layers */
    size_t files_count;
    size_t layers_count;
};

static int check_options(int files, const struct inspect_options *options, struct fault *why)
{
    if (options->graph ? options->json || options->compile : options->svg) {
        return verb_misused("inspect", "these options do not go together", why);
    }
    if (files < 1 || (!options->graph && files > 1)) {
        return verb_misused("inspect", "a file or a reference is needed", why);
    }
    return 0;
}

static int read_options(int argc, char **argv, struct inspect_options *ret, struct fault *why)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"compile", no_argument, NULL, 'c'},
                                            {"graph", no_argument, NULL, 'g'},
                                            {"svg", no_argument, NULL, 's'},
                                            {"layer", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == '?' || (option == 'l' && ret->layers_count == PLAN_PARTS_MAX)) {
            return verb_misused("inspect", "an option is not known or has no value", why);
        }
        ret->json = ret->json || option == 'j';
        ret->compile = ret->compile || option == 'c';
        ret->graph = ret->graph || option == 'g' || option == 'l';
        ret->svg = ret->svg || option == 's';
        if (option == 'l') {
            ret->files[ret->layers_count++] = (struct family_file){optarg, PLAN_LAYER};
        }
    }
    return check_options(argc - optind, ret, why);
}

/* Containers come first: the entry is one of them. */
static int order_files(int argc, char **argv, struct inspect_options *ret, struct fault *why)
{
    size_t containers = (size_t)(argc - optind);

    if (containers + ret->layers_count > PLAN_PARTS_MAX) {
        return fault(why, FAULT_LIMIT, "%zu components are named; at most %d can be linked",
                     containers + ret->layers_count, PLAN_PARTS_MAX);
    }
    memmove(ret->files + containers, ret->files, ret->layers_count * sizeof(ret->files[0]));
    for (size_t i = 0; i < containers; i++) {
        ret->files[i] = (struct family_file){argv[optind + (int)i], PLAN_CONTAINER};
    }
    ret->files_count = containers + ret->layers_count;
    return 0;
}

static int print(struct buf *out, const char *what, struct fault *why)
{
    int done;

    TRY(buf_check(out, what, why));
    done = fs_write_all(STDOUT_FILENO, out->data, out->length);
    return done < 0 ? fault_sys(why, done, "print") : 0;
}

static int draw(const struct inspect_options *options, struct fault *why)
{
    AUTO(family_free) struct family *family = NULL;
    AUTO(plan_free) struct plan *plan = NULL;
    AUTO(buf_fini) struct buf out = BUF(GRAPH_MAX);

    TRY(family_open(options->files, options->files_count, &family, why));
    family->scene.is_open = true; /* what is missing is drawn */
    TRY(plan_make(&family->scene, 0, &plan, why));
    if (options->svg) {
        graph_print_svg(&family->scene, plan, &out);
    } else {
        graph_print_text(&family->scene, plan, &out);
    }
    return print(&out, "the picture", why);
}

int verb_inspect(int argc, char **argv, struct fault *why)
{
    AUTO(subject_free) struct subject *subject = NULL;
    AUTO(node_free) struct node *description = NULL;
    AUTO(buf_fini) struct buf out = BUF(REPORT_MAX);
    struct inspect_options options = {.json = false};
    struct report report = {.subject = NULL};

    TRY(read_options(argc, argv, &options, why));
    if (options.graph) {
        TRY(order_files(argc, argv, &options, why));
        return draw(&options, why);
    }
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
    return print(&out, "the report", why);
}
