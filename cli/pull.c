/* SPDX-License-Identifier: Apache-2.0 */
/* skep pull: the component of an image, as a file. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "cli/fetch.h"
#include "cli/subject.h"
#include "cli/verbs.h"
#include "oci/manifest.h"

static int read_output(int argc, char **argv, const char **ret, struct fault *why)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) >= 0) {
        if (option != 'o') {
            return verb_misused("pull", "an option is not known or lacks its value", why);
        }
        *ret = optarg;
    }
    if (argc - optind == 2 && !*ret) {
        *ret = argv[optind + 1];
        return 0;
    }
    return argc - optind == 1 ? 0 : verb_misused("pull", "a reference is needed", why);
}

/* The layer's title, when it is a plain name; else what the repository is called. */
static void choose_name(const struct fetched *fetched, const char *repository, char *ret,
                        size_t room)
{
    const char *title = fetched->layer->title;
    const char *slash = strrchr(repository, '/');

    title = fetched->form == FORM_TAR ? "" : title; /* it would be the tar's */
    if (title[0] != '\0' && title[0] != '.' && !strchr(title, '/') && strlen(title) < 200) {
        (void)snprintf(ret, room, "%s", title);
    } else {
        (void)snprintf(ret, room, "%s.wasm", slash ? slash + 1 : repository);
    }
}

/* Under a temporary name until the digest was checked. */
static int fetch_into(struct fetched *fetched, const char *name, struct fault *why)
{
    char temporary[4096];
    AUTO(fd_close) int fd = -1;

    if (snprintf(temporary, sizeof(temporary), "%s.%d.part", name, getpid()) >=
        (int)sizeof(temporary)) {
        return fault(why, FAULT_LIMIT, "the name %.60s… is too long", name);
    }
    fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return fault_sys(why, -errno, "create %s", temporary);
    }
    if (fetch_layer(fetched, fd, why) < 0) {
        (void)unlink(temporary);
        return -1;
    }
    if (rename(temporary, name) < 0) {
        (void)fault_sys(why, -errno, "rename %s", name);
        (void)unlink(temporary);
        return -1;
    }
    return 0;
}

/* The component of a tar image is found as skep inspect finds it. */
static int unpack_into(const char *reference, const char *name, struct fault *why)
{
    AUTO(subject_free) struct subject *subject = NULL;

    TRY(subject_open(reference, &subject, why));
    if (!subject->binary) {
        return fault(why, FAULT_NOT_FOUND, "%s is a tar image without a component under its entry "
                     "point's name in a layer that can be opened (tar, gzip)", reference);
    }
    return fs_replace(AT_FDCWD, name, subject->wasm, 0644, why);
}

int verb_pull(int argc, char **argv, struct fault *why)
{
    AUTO(fetched_free) struct fetched *fetched = NULL;
    const char *output = NULL;
    char name[256];

    TRY(read_output(argc, argv, &output, why));
    TRY(fetch(argv[optind], &fetched, why));
    choose_name(fetched, fetched->reference.repository, name, sizeof(name));
    output = output ? output : name;
    if (fetched->form == FORM_TAR) {
        TRY(unpack_into(argv[optind], output, why));
    } else {
        TRY(fetch_into(fetched, output, why));
    }
    (void)fprintf(stderr, "%s@%s\n", argv[optind], fetched->about.digest.text);
    (void)printf("%s\n", output);
    return 0;
}
