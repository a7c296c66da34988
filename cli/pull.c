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
#include "base/text.h"
#include "cli/fetch.h"
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
    return argc - optind == 1 ? 0 : verb_misused("pull", "a reference is needed", why);
}

/* The layer's title, when it is a plain name; else what the repository is called. */
static void choose_name(const struct fetched *fetched, const char *repository, char *ret,
                        size_t room)
{
    const char *title = fetched->layer->title;
    const char *slash = strrchr(repository, '/');

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

int verb_pull(int argc, char **argv, struct fault *why)
{
    AUTO(fetched_free) struct fetched *fetched = NULL;
    const char *output = NULL;
    char name[256];

    TRY(read_output(argc, argv, &output, why));
    TRY(fetch(argv[optind], &fetched, why));
    if (fetched->form == FORM_TAR) {
        return fault(why, FAULT_UNSUPPORTED, "%s is a tar image: containerd unpacks those; pull takes "
                     "artifacts and images with a Wasm layer", argv[optind]);
    }
    choose_name(fetched, fetched->reference.repository, name, sizeof(name));
    TRY(fetch_into(fetched, output ? output : name, why));
    (void)fprintf(stderr, "%s@%s\n", argv[optind], fetched->about.digest.text);
    (void)printf("%s\n", output ? output : name);
    return 0;
}
