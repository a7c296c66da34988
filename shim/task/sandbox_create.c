/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateSandbox: a container without a process, as a pause is. The answer waits until its files are
 * written, or says why they cannot be; then nothing is left of it.
 */
#include "base/log.h"
#include "shim/pod/prepare.h"
#include "shim/task/sandbox_config.h"
#include "shim/task/verb.h"

static void created(struct guest *guest, const struct fault *failed)
{
    const struct container *container = guest->container;

    if (failed) {
        create_failed(guest, failed);
        return;
    }
    guest_move(guest, GUEST_CREATED);
    ttrpc_answer_message(TAKE(guest->call), NULL);
    log_info("sandbox created", "id=%s/%s pid=%u domain=%s", container->namespace_id,
             container->id, guest->pid, container->domain);
}

static int admit(struct service *service, struct ttrpc_call *call,
                 const Sandbox__CreateSandboxRequest *request, struct guest **ret,
                 struct fault *why)
{
    static const char *const texts[] = {"", "", ""};
    const struct pods_name name = {verb_namespace(service, call), request->sandbox_id,
                                   request->bundle_path};
    struct container *container = NULL;

    TRY(pods_admit(service->tools.pods, &name, &container, why));
    container->is_api_sandbox = true;
    verb_adopt(service, &container->init, call, texts);
    *ret = &container->init;
    return 0;
}

/* Mounts of a root file system are not looked at: nothing runs in it. */
void verb_sandbox_create(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Sandbox__CreateSandboxRequest, sandbox__create_sandbox_request__descriptor)
    struct sandbox_files files = {NULL, NULL, NULL};
    struct guest *guest = NULL;
    struct fault why = {0};

    if (sandbox_config(request, &files, &why) < 0 ||
        admit(owner, call, request, &guest, &why) < 0) {
        (void)fault_while(&why, "sandbox %.100s", request->sandbox_id);
        ttrpc_refuse(call, &why);
    } else {
        prepare_sandbox(guest, &files, created);
    }
    sandbox_files_fini(&files);
}
