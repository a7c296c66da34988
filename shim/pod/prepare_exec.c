/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that only an exec has: its process, and what of the container can be executed. */
#include <string.h>

#include "base/fd.h"
#include "runtime/grant/decide.h"
#include "runtime/spec/spec.h"
#include "shim/pod/bundle.h"
#include "shim/pod/prepare_internal.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The name under which a container's component is known: its own first argument. */
static const char *own_name(const struct container *container)
{
    const struct grant *grant = container->init.grant;

    return grant && grant->args_count > 0 ? grant->args[0] : container->id;
}

/* An artifact holds one component; its name, with or without a folder, means that one. */
static int check_own(const struct container *container, const char *wanted, struct fault *why)
{
    const char *name = own_name(container);

    if (strcmp(wanted, name) == 0 || strcmp(wanted, base_name(name)) == 0 ||
        strcmp(base_name(wanted), name) == 0) {
        return 0;
    }
    return fault(why, FAULT_INVALID,
                 "%.100s cannot be executed: the image is one component and has no other program; "
                 "its own name is %.100s",
                 wanted, name);
}

/* Thread: a pool's. */
static int step_open(struct prepare *prepare, struct fault *why)
{
    const struct container *container = prepare->container;
    const struct grant *grant = prepare->guest->grant;
    struct fault missing = {0};

    if (container->rootfs && bundle_open_component(container->rootfs, grant->cwd, grant->args[0],
                                                   &prepare->component, &missing) < 0) {
        return fault(why, FAULT_INVALID,
                     "%.200s; what can be executed is a component file of the image, as its own %s",
                     missing.text, own_name(container));
    }
    return prepare->guest->hooks->open(prepare->guest, why);
}

static void open_exec(struct prepare *prepare)
{
    prepare_in_pool(prepare, step_open, prepare_opened);
}

static int look_at_process(struct prepare *prepare, struct text process, struct fault *why)
{
    const struct container *container = prepare->container;
    const struct spec_texts *args = NULL;

    TRY(spec_parse_process(process, &prepare->spec, why));
    args = &prepare->spec->process.args;
    if (args->count == 0) {
        return fault(why, FAULT_INVALID, "process: args is empty; its first item names what to run");
    }
    if (container->is_sandbox) {
        return fault(why, FAULT_INVALID, "a pod's pause has nothing to execute");
    }
    TRY(decide_exec(container->init.grant, prepare->spec, &prepare->guest->grant, why));
    if (!container->rootfs && !prepare->guest->grant->call) {
        return check_own(container, args->at[0], why);
    }
    return 0;
}

void prepare_exec(struct guest *guest, struct text process, prepare_fn *fn)
{
    struct prepare *prepare = prepare_new(guest, fn);
    struct fault why = {0};

    if (look_at_process(prepare, process, &why) < 0) {
        prepare_finish(prepare, &why);
    } else if (guest->container->rootfs) {
        open_exec(prepare);
    } else {
        prepare_find_image(prepare, open_exec);
    }
}
