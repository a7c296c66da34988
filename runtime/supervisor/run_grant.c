/* SPDX-License-Identifier: Apache-2.0 */
/* What a run holds for its worker: the grant's bytes, and the descriptors that go with it. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/fs.h"
#include "runtime/broker/folder.h"
#include "runtime/supervisor/run_inside.h"

void run_close(struct run *run)
{
    run->opened.folders = folders_close(run->opened.folders);
    run->opened.listener = fd_close(run->opened.listener);
    run->opened.network = fd_close(run->opened.network);
    run->memory = fd_close(run->memory);
    run->stdio.in = fd_close(run->stdio.in);
    run->stdio.out = fd_close(run->stdio.out);
    run->stdio.err = fd_close(run->stdio.err);
}

int run_grant_put(struct run *run, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct grant_folder shown[GRANT_FOLDERS_MAX] = {0};
    struct grant grant = *run->plan.grant;

    grant.folders = shown;
    grant.folders_count = folders_count(run->opened.folders);
    for (size_t i = 0; i < grant.folders_count; i++) {
        const struct folder *folder = folders_at(run->opened.folders, i);

        shown[i].guest = folder->guest;
        shown[i].read_only = folder->read_only;
    }
    memcpy(grant.network_texts, run->opened.texts, sizeof(grant.network_texts));
    TRY(grant_encode(&grant, &bytes, why));
    opened_drop_texts(&run->opened);
    run->memory = fs_memory("grant", bytes.data, bytes.length);
    return run->memory < 0 ? fault_sys(why, run->memory, "make room for a grant") : 0;
}

struct worker_task_grant run_grant(const struct run *run)
{
    const struct opened *opened = &run->opened;
    size_t count = folders_count(opened->folders);
    int *folders = NEW_ARRAY(count + 1, int);

    for (size_t i = 0; i < count; i++) {
        folders[i] = folders_at(opened->folders, i)->dir;
    }
    return (struct worker_task_grant){.memory = run->memory,
                                      .in = run->stdio.in,
                                      .out = run->stdio.out,
                                      .err = run->stdio.err,
                                      .listener = opened->listener,
                                      .netns = opened->network,
                                      .folders = folders,
                                      .folders_count = count};
}

void run_grant_fini(struct worker_task_grant *grant)
{
    free((void *)(uintptr_t)grant->folders);
    grant->folders = NULL;
}
