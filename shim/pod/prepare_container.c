/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that only a container has: its spec, its image, its root, its network. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/text.h"
#include "runtime/grant/decide.h"
#include "runtime/spec/spec.h"
#include "runtime/supervisor/supervisor.h"
#include "shim/control.h"
#include "shim/pod/bundle.h"
#include "shim/pod/pods.h"
#include "shim/pod/prepare_internal.h"
#include "shim/pod/reservation.h"

#define CRI "io.kubernetes.cri."

static void choose_domain(struct container *container, const struct spec *spec, const char *mode)
{
    const char *sandbox = spec_annotation(spec, CRI "sandbox-id");
    const char *space = spec_annotation(spec, CRI "sandbox-namespace");
    char domain[512];
    char pod[1024];

    if (strcmp(mode, CONTROL_DOMAIN_NODE) == 0) {
        (void)snprintf(domain, sizeof(domain), "node");
    } else if (strcmp(mode, CONTROL_DOMAIN_POD) == 0) {
        (void)snprintf(domain, sizeof(domain), "pod/%s/%.100s", container->namespace_id,
                       sandbox ? sandbox : container->id);
    } else {
        (void)snprintf(domain, sizeof(domain), "namespace/%s%s%.100s", container->namespace_id,
                       space ? "/" : "", space ? space : "");
    }
    container->domain = COPY_TEXT(domain);
    if (sandbox && !container->is_sandbox) {
        (void)snprintf(pod, sizeof(pod), "%s/%s/%.100s", domain, container->namespace_id, sandbox);
        container->pod = COPY_TEXT(pod);
    }
}

static void choose_words(struct container *container, const struct spec *spec)
{
    static const char *const keys[] = {[CONTAINER_POD_NAMESPACE] = CRI "sandbox-namespace",
                                       [CONTAINER_POD] = CRI "sandbox-name",
                                       [CONTAINER_NAME] = CRI "container-name",
                                       [CONTAINER_IMAGE] = CRI "image-name"};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = spec_annotation(spec, keys[i]);
        struct text text = {value, value ? strnlen(value, CONTAINER_WORD_MAX) : 0};

        if (value) {
            container->words[i] = text_copy(text);
            text_make_printable(container->words[i]);
        }
    }
}

static bool source_is_file(void *owner, const char *source)
{
    struct stat status;

    (void)owner;
    return stat(source, &status) == 0 && !S_ISDIR(status.st_mode);
}

/* A tar image's root, mounted and searched for the component. */
static int open_rootfs(struct prepare *prepare, struct fault *why)
{
    struct container *container = prepare->container;
    const struct spec_process *process = &prepare->spec->process;
    const struct rootfs_owner owner = {supervisor_idmaps(prepare->tools->supervisor),
                                       process->uid};

    container->rootfs = bundle_rootfs(container->bundle, prepare->spec);
    if (prepare->mounts.count > 0) {
        TRY(rootfs_mount_all(container->bundle, &prepare->mounts, &owner, why));
        container->rootfs_mounted = true;
    }
    if (process->args.count == 0) {
        return fault(why, FAULT_INVALID,
                     "config.json: process.args is empty; its first item names the component");
    }
    return bundle_open_component(container->rootfs, process->cwd, process->args.at[0],
                                 &prepare->component, why);
}

/* Does opening it touch what may block: streams, mounts, a namespace that is to be made? */
static bool may_block(const struct prepare *prepare)
{
    const struct container *container = prepare->container;
    const struct guest *guest = prepare->guest;
    bool in_rootfs = container->form == IMAGE_TAR || container->form == IMAGE_NONE;

    return guest->in[0] != '\0' || guest->out[0] != '\0' || guest->err[0] != '\0' ||
           guest->terminal || (in_rootfs && !container->is_sandbox) ||
           prepare->network.network == CONTAINER_NETWORK_OWN || decide_asks(prepare->spec);
}

/* Thread: a pool's, if it may block. */
static int step_open(struct prepare *prepare, struct fault *why)
{
    struct container *container = prepare->container;
    struct guest *guest = prepare->guest;
    struct decide_input input = {.is_sandbox = container->is_sandbox, .is_file = source_is_file};
    bool in_rootfs = container->form == IMAGE_TAR || container->form == IMAGE_NONE;

    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        input.texts[i] = prepare->texts[i];
    }
    TRY(guest->hooks->open(guest, why));
    if (in_rootfs && !container->is_sandbox) {
        TRY(open_rootfs(prepare, why));
        input.rootfs = container->rootfs;
    }
    TRY(decide(prepare->spec, &input, &guest->grant, why));
    return network_settle(&prepare->network, container, guest->grant, why);
}

/* Of a pod with a pause, containerd mounts these files; of one without, nobody does. */
static void join_sandbox(struct prepare *prepare)
{
    static const char *const names[GRANT_TEXTS] = {
        [GRANT_TEXT_RESOLV_CONF] = SANDBOX_RESOLV_CONF, [GRANT_TEXT_HOSTS] = SANDBOX_HOSTS};
    struct container *container = prepare->container;
    const char *id = spec_annotation(prepare->spec, CRI "sandbox-id");
    struct container *sandbox =
        id ? pods_find(container->pods, container->namespace_id, id) : NULL;
    char path[PATH_MAX];

    if (!sandbox || sandbox == container || !sandbox->is_api_sandbox || sandbox->is_gone ||
        sandbox->init.state == GUEST_PREPARING) {
        return;
    }
    container_join(container, sandbox);
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        if (names[i]) {
            (void)snprintf(path, sizeof(path), "%s/%s", sandbox->bundle, names[i]);
            prepare->texts[i] = COPY_TEXT(path);
        }
    }
}

static void open_all(struct prepare *prepare)
{
    struct container *container = prepare->container;
    struct fault why = {0};

    container->form = container->is_sandbox ? IMAGE_NONE : prepare->image.form;
    choose_domain(container, prepare->spec, prepare->mode);
    choose_words(container, prepare->spec);
    join_sandbox(prepare);
    if (network_choose(container->pods, container, prepare->spec, &prepare->network, &why) < 0) {
        prepare_finish(prepare, &why);
        return;
    }
    if (may_block(prepare)) {
        prepare_in_pool(prepare, step_open, prepare_opened);
    } else {
        prepare_here(prepare, step_open, prepare_opened);
    }
}

static void look_at_spec(struct prepare *prepare)
{
    const char *type = spec_annotation(prepare->spec, CRI "container-type");

    prepare->container->is_sandbox = type && strcmp(type, "sandbox") == 0;
    if (prepare->container->is_sandbox) {
        open_all(prepare);
    } else {
        prepare_find_image(prepare, open_all);
    }
}

/* Thread: a pool's. */
static int step_read(struct prepare *prepare, struct fault *why)
{
    return bundle_read(prepare->container->bundle, &prepare->spec, why);
}

static struct prepare *prepare_begin(struct guest *guest, prepare_fn *fn)
{
    struct prepare *prepare = prepare_new(guest, fn);
    const struct container *container = guest->container;
    struct reservation *known = reservations_take(prepare->tools->reservations,
                                                  container->namespace_id, container->id);

    prepare->image.form = IMAGE_NONE;
    if (known) {
        (void)snprintf(prepare->mode, sizeof(prepare->mode), "%s", known->mode);
        prepare->spec = TAKE(known->spec);
        prepare->finding = TAKE(known->finding);
        (void)reservation_free(known);
    }
    return prepare;
}

void prepare_container(struct guest *guest, struct rootfs_mounts *mounts, prepare_fn *fn)
{
    struct prepare *prepare = prepare_begin(guest, fn);

    prepare->mounts = *mounts;
    *mounts = (struct rootfs_mounts){0};
    if (prepare->spec) {
        look_at_spec(prepare);
    } else {
        prepare_in_pool(prepare, step_read, look_at_spec);
    }
}

/* Thread: a pool's. What is read back has passed all bounds of a config.json. */
static int step_write(struct prepare *prepare, struct fault *why)
{
    TRY(sandbox_files_write(prepare->container->bundle, &prepare->files, why));
    prepare->spec = spec_free(prepare->spec);
    return bundle_read(prepare->container->bundle, &prepare->spec, why);
}

void prepare_sandbox(struct guest *guest, struct sandbox_files *files, prepare_fn *fn)
{
    struct prepare *prepare = prepare_begin(guest, fn);

    prepare->files = *files;
    *files = (struct sandbox_files){NULL, NULL, NULL};
    prepare_in_pool(prepare, step_write, look_at_spec);
}
