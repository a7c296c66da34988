/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json, read and decided. Whatever is granted keeps the promises of a grant: paths are
 * absolute, no two folders have one name, and a worker can read it.
 */
#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "runtime/grant/decide.h"
#include "runtime/spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_file(void *owner, const char *source)
{
    (void)owner;
    return strlen(source) % 2 == 0;
}

static void check_folders(const struct grant *grant)
{
    assert(grant->folders_count <= GRANT_FOLDERS_MAX);
    for (size_t i = 0; i < grant->folders_count; i++) {
        assert(grant->folders[i].guest[0] == '/' && grant->folders[i].source[0] == '/');
        assert(!strstr(grant->folders[i].guest, "/../"));
        for (size_t k = 0; k < i; k++) {
            assert(strcmp(grant->folders[i].guest, grant->folders[k].guest) != 0);
        }
    }
}

static void check_grant(const struct grant *grant)
{
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    AUTO(grant_free) struct grant *again = NULL;
    struct fault why = {0};
    struct cursor in;

    check_folders(grant);
    assert(grant->network != GRANT_NETWORK_NONE || !grant->netns);
    if (grant_encode(grant, &bytes, &why) == 0) {
        in = cursor_over(bytes.data, bytes.length);
        assert(grant_decode(&in, &again, &why) == 0);
    }
}

static void try_input(const struct spec *spec, const struct decide_input *input)
{
    AUTO(grant_free) struct grant *grant = NULL;
    struct fault why = {0};

    if (decide(spec, input, &grant, &why) == 0) {
        check_grant(grant);
    } else {
        assert(why.text[0] != '\0' && why.kind != FAULT_NONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct decide_input inputs[] = {
        {.is_file = is_file}, {.rootfs = "/rootfs"}, {.is_sandbox = true}};
    struct text bytes = {(const char *)data, size};
    AUTO(spec_free) struct spec *spec = NULL;
    AUTO(spec_free) struct spec *process = NULL;
    struct spec_resources resources = {0};
    struct fault why = {0};

    if (spec_parse(bytes, &spec, &why) == 0) {
        for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
            try_input(spec, &inputs[i]);
        }
    } else {
        assert(why.text[0] != '\0' && why.kind != FAULT_NONE);
    }
    assert(spec_parse_process(bytes, &process, &why) == 0 || !process);
    assert(spec_parse_resources(bytes, &resources, &why) == 0 || why.text[0] != '\0');
    return 0;
}
