/* SPDX-License-Identifier: Apache-2.0 */
/* config.json is read on the pool; then the image reader is asked, unless it is a pause. A sandbox of the
 * Sandbox API has no config.json. */
#include "shim/pod/announce.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "runtime/spec/spec.h"
#include "shim/pod/bundle.h"
#include "shim/pod/finding.h"
#include "shim/pod/reservation.h"

struct announcement {
    struct pods *pods;
    char namespace_id[IDENTIFIER_MAX + 1];
    char id[IDENTIFIER_MAX + 1];
    own char *bundle;
    own struct reservation *reservation;
    struct fault why; /* of reading the bundle */
    announce_fn *fn;
    void *owner;
};

static void finish(own struct announcement *announcement, enum announce_answer answer,
                   const struct fault *failed)
{
    announce_fn *fn = announcement->fn;
    void *owner = announcement->owner;

    (void)reservation_free(announcement->reservation);
    free(announcement->bundle);
    free(announcement);
    fn(owner, answer, failed);
}

static void reserve(own struct announcement *announcement)
{
    struct reservations *all = pods_tools(announcement->pods)->reservations;
    struct fault why = {0};

    if (reservations_put(all, announcement->namespace_id, announcement->id,
                         announcement->reservation, &why) < 0) {
        finish(announcement, ANNOUNCE_OURS, &why);
        return;
    }
    announcement->reservation = NULL;
    finish(announcement, ANNOUNCE_OURS, NULL);
}

static bool names_wasm(const struct spec *spec)
{
    static const char suffix[] = ".wasm";
    const char *name = spec->process.args.count > 0 ? spec->process.args.at[0] : "";
    size_t length = strlen(name);

    return length >= sizeof(suffix) - 1 &&
           strcmp(name + length - (sizeof(suffix) - 1), suffix) == 0;
}

static void image_came(void *owner)
{
    struct announcement *announcement = owner;
    const struct finding *finding = announcement->reservation->finding;
    const struct fault *failed = finding_failed(finding);
    struct fault why = {0};

    if (failed) {
        why = *failed;
        finish(announcement, ANNOUNCE_OURS, &why);
    } else if (finding_form(finding) == IMAGE_TAR || finding_form(finding) == IMAGE_NONE) {
        finish(announcement, ANNOUNCE_NATIVE, NULL);
    } else {
        reserve(announcement);
    }
}

/* With a name that ends in ".wasm" it is ours whatever its image is: Create waits for that. */
static void find(struct announcement *announcement)
{
    struct reservation *reservation = announcement->reservation;

    reservation->finding = finding_new(pods_tools(announcement->pods)->images,
                                       announcement->namespace_id, announcement->id);
    if (names_wasm(reservation->spec)) {
        reserve(announcement);
    } else {
        finding_wait(reservation->finding, image_came, announcement);
    }
}

/* Thread: a pool's. */
static void read_work(void *owner)
{
    struct announcement *announcement = owner;

    if (bundle_read(announcement->bundle, &announcement->reservation->spec,
                    &announcement->why) < 0) {
        announcement->reservation->spec = NULL;
    }
}

static void read_done(void *owner)
{
    struct announcement *announcement = owner;
    const struct spec *spec = announcement->reservation->spec;
    const char *type = spec ? spec_annotation(spec, "io.kubernetes.cri.container-type") : NULL;

    if (!spec && announcement->why.kind != FAULT_NOT_FOUND) {
        log_debug("bundle not readable", "id=%s: %s", announcement->id, announcement->why.text);
    }
    if (!spec || (type && strcmp(type, "sandbox") == 0)) {
        reserve(announcement);
    } else {
        find(announcement);
    }
}

void announce(struct pods *pods, const struct pods_name *name, const char *mode, announce_fn *fn,
              void *owner)
{
    struct announcement *announcement = NULL;
    struct fault why = {0};

    if (pods_check(name, &why) < 0) {
        fn(owner, ANNOUNCE_OURS, &why);
        return;
    }
    announcement = NEW(struct announcement);
    announcement->pods = pods;
    (void)snprintf(announcement->namespace_id, sizeof(announcement->namespace_id), "%s",
                   name->namespace_id);
    (void)snprintf(announcement->id, sizeof(announcement->id), "%s", name->id);
    announcement->bundle = COPY_TEXT(name->bundle);
    announcement->fn = fn;
    announcement->owner = owner;
    announcement->reservation = NEW(struct reservation);
    (void)snprintf(announcement->reservation->mode, sizeof(announcement->reservation->mode), "%s",
                   mode);
    loop_work(pods_tools(pods)->loop, read_work, read_done, announcement);
}
