/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs come into memory files and are mapped from there, so that a large component is held once.
 * In a tar image the component is looked for under the entry point's name, layer by layer from the
 * top; layers compressed by zstd are not opened.
 */
#include "cli/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "oci/gunzip.h"
#include "oci/pack.h"
#include "oci/unpack.h"

static int map(int fd, const char *what, struct text *ret, struct fault *why)
{
    struct stat about;
    void *bytes = NULL;

    if (fstat(fd, &about) < 0) {
        return fault_sys(why, -errno, "look at %s", what);
    }
    if (!S_ISREG(about.st_mode) || about.st_size > PACK_WASM_MAX) {
        return fault(why, FAULT_LIMIT, "%s must be a file of at most %d bytes", what,
                     PACK_WASM_MAX);
    }
    if (about.st_size == 0) {
        return fault(why, FAULT_INVALID, "%s is empty", what);
    }
    bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return fault_sys(why, -errno, "map %s", what);
    }
    *ret = (struct text){(const char *)bytes, (size_t)about.st_size};
    return 0;
}

static void unmap(struct text *mapped)
{
    if (mapped->length > 0) {
        (void)munmap((void *)(uintptr_t)mapped->at, mapped->length);
    }
    *mapped = (struct text){0};
}

static int read_binary(struct subject *subject, struct text wasm, struct fault *why)
{
    TRY(binary_read(cursor_over(wasm.at, wasm.length), &subject->binary, why));
    subject->wasm = wasm;
    digest_name_of(wasm.at, wasm.length, &subject->digest);
    return 0;
}

static int open_file(struct subject *subject, struct fault *why)
{
    AUTO(fd_close) int fd = open(subject->source, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        return fault_sys(why, -errno, "open %s", subject->source);
    }
    TRY(map(fd, subject->source, &subject->mapped[0], why));
    if (read_binary(subject, subject->mapped[0], why) < 0) {
        return fault_while(why, "read %s", subject->source);
    }
    return 0;
}

static int fetch_mapped(struct subject *subject, const struct descriptor *blob, struct text *ret,
                        struct fault *why)
{
    AUTO(fd_close) int fd = fs_memory_new("blob");

    if (fd < 0) {
        return fault_sys(why, fd, "make memory for a blob");
    }
    TRY(pull_blob(subject->fetched->registry, blob, fd, why));
    return map(fd, "the blob", ret, why);
}

static int fetch_config(struct subject *subject, struct fault *why)
{
    const struct descriptor *config = &subject->fetched->manifest->config;
    struct text bytes = {0};
    int done;

    if (config->size > CONFIG_BYTES_MAX) {
        return fault(why, FAULT_LIMIT, "the config has %llu bytes; at most %d are read",
                     (unsigned long long)config->size, CONFIG_BYTES_MAX);
    }
    TRY(fetch_mapped(subject, config, &bytes, why));
    done = config_parse(bytes, config->media_type, &subject->config, why);
    unmap(&bytes);
    return done;
}

/* A layer as a tar; false in @ret_known for a compression that we do not read. */
static int fetch_tar(struct subject *subject, const struct descriptor *layer, bool *ret_known,
                     struct fault *why)
{
    struct text *tar = &subject->mapped[1];
    enum media_class class = media_class(layer->media_type);
    AUTO(fd_close) int fd = -1;

    *ret_known = (class == MEDIA_TAR_LAYER || class == MEDIA_GZIP_LAYER) &&
                 layer->size <= PACK_WASM_MAX;
    if (!*ret_known) {
        return 0;
    }
    unmap(tar);
    TRY(fetch_mapped(subject, layer, tar, why));
    if (class == MEDIA_TAR_LAYER) {
        return 0;
    }
    fd = fs_memory_new("layer");
    if (fd < 0) {
        return fault_sys(why, fd, "make memory for a layer");
    }
    TRY(gunzip(cursor_over(tar->at, tar->length), PACK_WASM_MAX, fd, why));
    unmap(tar);
    return map(fd, "the layer", tar, why);
}

static int find_in_layers(struct subject *subject, struct fault *why)
{
    const struct manifest *manifest = subject->fetched->manifest;
    const char *path = subject_entrypoint(subject);
    struct text file = {0};

    for (size_t i = manifest->count; i > 0; i--) {
        bool known = false;

        TRY(fetch_tar(subject, &manifest->items[i - 1], &known, why));
        if (known &&
            unpack_find(cursor_over(subject->mapped[1].at, subject->mapped[1].length), path,
                        &file)) {
            return binary_is_wasm(file.at, file.length) ? read_binary(subject, file, why) : 0;
        }
    }
    return 0;
}

static int open_image(struct subject *subject, struct fault *why)
{
    TRY(fetch(subject->source, &subject->fetched, why));
    TRY(fetch_config(subject, why));
    if (subject->fetched->form == FORM_TAR) {
        return find_in_layers(subject, why);
    }
    TRY(fetch_mapped(subject, subject->fetched->layer, &subject->mapped[0], why));
    return read_binary(subject, subject->mapped[0], why);
}

int subject_open(const char *source, own struct subject **ret, struct fault *why)
{
    AUTO(subject_free) struct subject *subject = NEW(struct subject);
    bool is_path = source[0] == '/' || source[0] == '.' || access(source, F_OK) == 0;

    subject->source = source;
    if (is_path) {
        TRY(open_file(subject, why));
    } else if (open_image(subject, why) < 0) {
        return fault_while(why, "inspect %s", source);
    }
    *ret = TAKE(subject);
    return 0;
}

struct subject *subject_free(own struct subject *subject)
{
    if (subject) {
        (void)binary_free(subject->binary);
        (void)config_free(subject->config);
        (void)fetched_free(subject->fetched);
        unmap(&subject->mapped[0]);
        unmap(&subject->mapped[1]);
        free(subject);
    }
    return NULL;
}

const char *subject_entrypoint(const struct subject *subject)
{
    const struct config *config = subject->config;
    const char *word = NULL;

    if (config) {
        word = node_string(node_item(config->entrypoint, 0));
        word = word ? word : node_string(node_item(config->cmd, 0));
    }
    return word ? word : "";
}
