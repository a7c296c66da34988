/* SPDX-License-Identifier: Apache-2.0 */
/* skep push: a component becomes an image, and goes to a registry. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/verbs.h"
#include "oci/pack.h"
#include "oci/reference.h"
#include "oci/registry/client.h"
#include "oci/registry/push.h"

struct push_options {
    enum form form;
    const char *name;
    const char *entrypoint[PACK_ENTRYPOINT_MAX + 1];
    size_t entrypoint_count;
    const char *annotations[PACK_ANNOTATIONS_MAX + 1];
    size_t annotations_count;
    uint64_t chunk;
};

static int read_form(const char *word, enum form *ret, struct fault *why)
{
    static const enum form forms[] = {FORM_ARTIFACT, FORM_LAYER, FORM_TAR};

    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (strcmp(word, form_name(forms[i])) == 0) {
            *ret = forms[i];
            return 0;
        }
    }
    return fault(why, FAULT_INVALID, "there is no format \"%.40s\"; there are artifact, image and tar",
                 word);
}

static int add_word(const char **words, size_t *count, size_t max, const char *word,
                    struct fault *why)
{
    if (*count == max) {
        return fault(why, FAULT_LIMIT, "at most %zu of these can be given: %.60s", max, word);
    }
    words[(*count)++] = word;
    return 0;
}

static int take_option(int option, struct push_options *ret, struct fault *why)
{
    switch (option) {
    case 'f':
        return read_form(optarg, &ret->form, why);
    case 'n':
        ret->name = optarg;
        return 0;
    case 'e':
        return add_word(ret->entrypoint, &ret->entrypoint_count, PACK_ENTRYPOINT_MAX, optarg, why);
    case 'a':
        return add_word(ret->annotations, &ret->annotations_count, PACK_ANNOTATIONS_MAX, optarg,
                        why);
    case 'c':
        if (text_to_bytes(text_of(optarg), PACK_WASM_MAX, &ret->chunk) && ret->chunk > 0) {
            return 0;
        }
        return fault(why, FAULT_INVALID, "\"%.40s\" is no size of a piece", optarg);
    default:
        return verb_misused("push", "an option is not known or lacks its value", why);
    }
}

static int read_options(int argc, char **argv, struct push_options *ret, struct fault *why)
{
    static const struct option options[] = {
        {"format", required_argument, NULL, 'f'},     {"name", required_argument, NULL, 'n'},
        {"entrypoint", required_argument, NULL, 'e'}, {"annotation", required_argument, NULL, 'a'},
        {"chunk-size", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        TRY(take_option(option, ret, why));
    }
    return argc - optind == 2 ? 0 : verb_misused("push", "a file and a reference are needed", why);
}

/* SOURCE_DATE_EPOCH (reproducible-builds.org) or 0: never the clock. */
static int read_created(int64_t *ret, struct fault *why)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    uint64_t seconds = 0;

    if (epoch && !text_to_u64(text_of(epoch), 0, 1ULL << 33, &seconds)) {
        return fault(why, FAULT_INVALID, "SOURCE_DATE_EPOCH is \"%.40s\", which is no number of "
                     "seconds", epoch);
    }
    *ret = (int64_t)seconds;
    return 0;
}

/* The mapping stays until the program ends. */
static int map_file(const char *path, struct text *ret, struct fault *why)
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    void *bytes = NULL;

    if (fd < 0 || fstat(fd, &about) < 0) {
        return fault_sys(why, -errno, "open %s", path);
    }
    if (!S_ISREG(about.st_mode) || about.st_size == 0 || about.st_size > PACK_WASM_MAX) {
        return fault(why, FAULT_LIMIT, "%s must be a file of 1 to %d bytes", path, PACK_WASM_MAX);
    }
    bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return fault_sys(why, -errno, "map %s", path);
    }
    *ret = (struct text){(const char *)bytes, (size_t)about.st_size};
    return 0;
}

static int send_blob(struct registry *registry, const struct pack_blob *blob, uint64_t chunk,
                     const char *what, struct fault *why)
{
    struct push_blob sent = {.digest = blob->digest,
                             .bytes = blob->bytes.at,
                             .length = blob->bytes.length,
                             .chunk = chunk};
    int done = push_blob(registry, &sent, why);

    if (done < 0) {
        return fault_while(why, "push the %s", what);
    }
    (void)fprintf(stderr, "%-8s %s %zu bytes%s\n", what, blob->digest.text, blob->bytes.length,
                  done == PUSH_WAS_THERE ? ", was there" : "");
    return 0;
}

static int send_all(const struct reference *reference, const struct packed *packed, uint64_t chunk,
                    struct fault *why)
{
    AUTO(registry_free) struct registry *registry = NULL;

    TRY(registry_open(reference, REGISTRY_PUSH, &registry, why));
    TRY(send_blob(registry, &packed->layer, chunk, "layer", why));
    TRY(send_blob(registry, &packed->config, chunk, "config", why));
    return push_manifest(registry, reference_target(reference), packed->media_type,
                         packed->manifest.bytes, why);
}

int verb_push(int argc, char **argv, struct fault *why)
{
    AUTO(packed_free) struct packed *packed = NULL;
    struct push_options options = {.form = FORM_ARTIFACT};
    struct reference reference;
    struct pack_plan plan = {.name = NULL};
    const char *slash = NULL;

    TRY(read_options(argc, argv, &options, why));
    TRY(reference_parse(text_of(argv[optind + 1]), &reference, why));
    if (reference.digest[0] != '\0') {
        return fault(why, FAULT_INVALID, "push to a tag: the digest follows from the bytes");
    }
    TRY(map_file(argv[optind], &plan.wasm, why));
    TRY(read_created(&plan.created, why));
    slash = strrchr(argv[optind], '/');
    plan.form = options.form;
    plan.name = options.name ? options.name : (slash ? slash + 1 : argv[optind]);
    plan.entrypoint = options.entrypoint_count > 0 ? options.entrypoint : NULL;
    plan.annotations = options.annotations_count > 0 ? options.annotations : NULL;
    if (pack(&plan, &packed, why) < 0) {
        return fault_while(why, "pack %s", argv[optind]);
    }
    TRY(send_all(&reference, packed, options.chunk, why));
    (void)printf("%s@%s\n", argv[optind + 1], packed->manifest.digest.text);
    return 0;
}
