/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep link: several components become one, as those of a pod do, but with shared imports, so that
 * any host can run it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/family.h"
#include "cli/trial.h"
#include "cli/verbs.h"
#include "runtime/compose/recipe.h"

enum { OUTPUT_MODE = 0644 };

struct link_options {
    const char *output;
    struct family_file files[PLAN_PARTS_MAX];
    size_t count;
};

static int read_options(int argc, char **argv, struct link_options *ret, struct fault *why)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) >= 0) {
        if (option != 'o') {
            return verb_misused("link", "an option is not known", why);
        }
        ret->output = optarg;
    }
    if (!ret->output || argc - optind < 2) {
        return verb_misused("link", "two files or more and a file to write are needed", why);
    }
    if (argc - optind > PLAN_PARTS_MAX) {
        return fault(why, FAULT_LIMIT, "%d components are named; at most %d can be linked",
                     argc - optind, PLAN_PARTS_MAX);
    }
    for (; optind < argc; optind++) {
        ret->files[ret->count++] = (struct family_file){argv[optind], PLAN_CONTAINER};
    }
    return 0;
}

/* One that nobody is linked to was named by mistake. */
static int check_all_used(const struct family *family, const struct plan *plan, struct fault *why)
{
    for (size_t i = 0; i < family->scene.count; i++) {
        size_t part = 0;

        while (part < plan->count && plan->parts[part] != i) {
            part++;
        }
        if (part == plan->count) {
            return fault(why, FAULT_STATE, "%.200s exports nothing that the others import",
                         family->candidates[i].name);
        }
    }
    return 0;
}

static int link_parts(const struct family *family, const struct plan *plan, int *ret_wasm,
                      struct fault *why)
{
    AUTO(node_free) struct node *description = NULL;
    AUTO(buf_fini) struct buf recipe = BUF(RECIPE_MAX);
    AUTO(fd_close) int recipe_fd = -1;
    int parts[PLAN_PARTS_MAX];
    struct trial_job job = {.verb = "link", .parts = parts, .parts_count = plan->count};

    recipe_print(plan, &family->scene, &recipe);
    TRY(buf_check(&recipe, "the recipe", why));
    recipe_fd = fs_memory("recipe", recipe.data, recipe.length);
    job.wasm = recipe_fd;
    for (size_t i = 0; i < plan->count; i++) {
        parts[i] = family_wasm(family, plan->parts[i]);
    }
    return trial_run(&job, ret_wasm, &description, why);
}

static int write_output(int wasm, const char *path, struct fault *why)
{
    struct stat about;
    void *bytes;
    int done;

    if (fstat(wasm, &about) < 0) {
        return fault_sys(why, -errno, "look at the linked component");
    }
    bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, wasm, 0);
    if (bytes == MAP_FAILED) {
        return fault_sys(why, -errno, "map the linked component");
    }
    done = fs_replace(AT_FDCWD, path, (struct text){(const char *)bytes, (size_t)about.st_size},
                      OUTPUT_MODE, why);
    (void)munmap(bytes, (size_t)about.st_size);
    return done;
}

int verb_link(int argc, char **argv, struct fault *why)
{
    AUTO(family_free) struct family *family = NULL;
    AUTO(plan_free) struct plan *plan = NULL;
    AUTO(fd_close) int wasm = -1;
    struct link_options options = {.count = 0};

    TRY(read_options(argc, argv, &options, why));
    TRY(family_open(options.files, options.count, &family, why));
    family->scene.is_open = true;
    TRY(plan_make(&family->scene, 0, &plan, why));
    TRY(check_all_used(family, plan, why));
    TRY(link_parts(family, plan, &wasm, why));
    return write_output(wasm, options.output, why);
}
