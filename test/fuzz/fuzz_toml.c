/* SPDX-License-Identifier: Apache-2.0 */
/* containerd's configuration, any bytes: facts stay within bounds, and a block comes off as it went on. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"
#include "k8s/installer/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_plan plan = {.way = CONFIG_BLOCK, .version = 2};
    struct text file = {(const char *)data, size};
    AUTO(buf_fini) struct buf with = BUF(1U << 22);
    AUTO(buf_fini) struct buf without = BUF(1U << 22);
    AUTO(buf_fini) struct buf rest = BUF(1U << 22);
    struct toml_facts facts;
    struct fault why = {0};

    if (toml_read(file, "fuzz", &facts, &why) == 0) {
        assert(facts.imports_count <= TOML_IMPORTS_MAX);
        for (size_t i = 0; i < facts.imports_count; i++) {
            assert(facts.imports[i][0] != '\0');
        }
    }
    (void)toml_rest(file, config_handlers, &rest);
    assert(rest.length <= size);
    if (config_strip_block(file, "fuzz", &without, &why) == CONFIG_NO_BLOCK) {
        without.length = 0;
        config_add_block(file, &plan, "/opt", &with);
        assert(config_strip_block((struct text){(const char *)with.data, with.length}, "fuzz",
                                  &without, &why) == CONFIG_HAD_BLOCK);
        assert(without.length == size && (size == 0 || memcmp(without.data, data, size) == 0));
    }
    return 0;
}
