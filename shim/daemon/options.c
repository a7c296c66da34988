/* SPDX-License-Identifier: Apache-2.0 */
/* A table of the options that take a value; --debug and --version take none. */
#include "shim/daemon/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "shim/daemon/life.h"

static int option_read(const char *name, const char *value, struct options *ret, struct fault *why)
{
    const struct row {
        const char *name;
        const char **at;
    } rows[] = {{"--state", &ret->state}, {"--address", &ret->address}, {"--ttrpc", &ret->ttrpc}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].name, name) == 0 && value) {
            *rows[i].at = value;
            return 0;
        }
    }
    return fault(why, FAULT_INVALID,
                 "usage: skepd --state FOLDER --address GRPC-SOCKET --ttrpc SOCKET [--debug], not "
                 "%.100s",
                 name);
}

static int check(const struct options *options, struct fault *why)
{
    if (options->state[0] != '/' || strlen(options->state) > OPTIONS_STATE_MAX) {
        return fault(why, FAULT_INVALID, "--state is an absolute path of at most %d bytes",
                     OPTIONS_STATE_MAX);
    }
    if (options->address[0] != '/') {
        return fault(why, FAULT_INVALID, "--address is the absolute path of containerd's socket");
    }
    if (options->cache[0] != '/') {
        return fault(why, FAULT_INVALID, "SKEP_CACHE_DIR is an absolute path");
    }
    return 0;
}

int options_read(int argc, char **argv, struct options *ret, struct fault *why)
{
    const char *idle = getenv("SKEP_IDLE_SECONDS");
    const char *cache = getenv("SKEP_CACHE_DIR");

    *ret = (struct options){.state = "",
                            .address = "",
                            .ttrpc = "",
                            .cache = cache && cache[0] != '\0' ? cache : "/var/lib/skep/cache",
                            .idle_seconds = LIFE_IDLE_SECONDS};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            return OPTIONS_VERSION;
        }
        if (strcmp(argv[i], "--debug") == 0) {
            ret->debug = true;
        } else {
            TRY(option_read(argv[i], i + 1 < argc ? argv[i + 1] : NULL, ret, why));
            i++;
        }
    }
    if (idle && !text_to_u64(text_of(idle), 0, OPTIONS_IDLE_MAX, &ret->idle_seconds)) {
        return fault(why, FAULT_INVALID, "SKEP_IDLE_SECONDS is a number of seconds up to %d",
                     OPTIONS_IDLE_MAX);
    }
    return check(ret, why);
}
