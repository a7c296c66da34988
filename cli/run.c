/* SPDX-License-Identifier: Apache-2.0 */
/* skep run: a command component, here and now. */
#include "cli/local.h"
#include "cli/local_options.h"
#include "cli/verbs.h"

int verb_run(int argc, char **argv, struct fault *why)
{
    struct local_options options;
    int status = local_options_parse(argc, argv, &options, why);

    status = status < 0 ? status : local_run(&options, why);
    local_options_fini(&options);
    return status;
}
