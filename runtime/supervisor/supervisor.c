/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the parts together: cache and compiler, workers by domain, the broker's maps of owners. */
#include "runtime/supervisor/supervisor.h"

#include <linux/limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/process.h"
#include "runtime/broker/idmap.h"
#include "runtime/broker/sockets.h"
#include "runtime/cache/cache.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/supervisor/compile.h"
#include "runtime/supervisor/inside.h"
#include "runtime/supervisor/kin.h"
#include "runtime/supervisor/placement.h"

static int program_find(const char *chosen, const char *name, char ret[PATH_MAX], struct fault *why)
{
    size_t length;

    if (!chosen) {
        return process_sibling(name, ret, PATH_MAX, why);
    }
    length = strlen(chosen);
    if (chosen[0] != '/' || length >= PATH_MAX || access(chosen, X_OK) < 0) {
        return fault(why, FAULT_NOT_FOUND, "%.200s is no program", chosen);
    }
    memcpy(ret, chosen, length + 1);
    return 0;
}

static int compiler_make(struct supervisor *supervisor, const struct supervisor_options *options,
                         struct fault *why)
{
    char program[PATH_MAX];
    const struct compiler_options compiler = {.program = program,
                                              .memory_bytes = options->compile_memory_bytes,
                                              .seconds = options->compile_seconds,
                                              .accept = options->accept};
    struct cache *cache = NULL;

    TRY(program_find(options->compiler, "skep-compiler", program, why));
    TRY(cache_open(options->cache_dir, options->cache_bytes, &cache, why));
    supervisor->compiler = compiler_new(supervisor->loop, supervisor->laters, cache, &compiler);
    return 0;
}

static int placement_make(struct supervisor *supervisor, const struct supervisor_options *options,
                          struct fault *why)
{
    char program[PATH_MAX];
    const struct worker_process_plan plan = {.loop = supervisor->loop,
                                             .laters = supervisor->laters,
                                             .sockets = supervisor->sockets,
                                             .program = program,
                                             .threads = options->threads,
                                             .instances = options->instances,
                                             .keep_user = options->keep_user,
                                             .accept = options->accept};

    TRY(program_find(options->worker, "skep-worker", program, why));
    supervisor->placement = placement_new(&plan);
    return 0;
}

int supervisor_new(struct loop *loop, const struct supervisor_options *options,
                   own struct supervisor **ret, struct fault *why)
{
    AUTO(supervisor_free) struct supervisor *supervisor = NEW(struct supervisor);
    struct sockets_options sockets = {.user = 0};

    supervisor->loop = loop;
    supervisor->laters = laters_new(loop);
    supervisor->kins = kins_new(supervisor->laters);
    supervisor->plain = geteuid() != 0;
    sockets.user = options->keep_user ? geteuid() : sandbox_user(SANDBOX_WORKER);
    supervisor->idmaps = idmaps_new(sockets.user);
    TRY(sockets_new(&sockets, &supervisor->sockets, why));
    TRY(compiler_make(supervisor, options, why));
    TRY(placement_make(supervisor, options, why));
    *ret = TAKE(supervisor);
    return 0;
}

static void supervisor_destroy(struct supervisor *supervisor)
{
    supervisor->idmaps = idmaps_free(supervisor->idmaps);
    free(supervisor);
}

struct idmaps *supervisor_idmaps(const struct supervisor *supervisor)
{
    return supervisor->idmaps;
}

struct supervisor *supervisor_free(own struct supervisor *supervisor)
{
    if (!supervisor) {
        return NULL;
    }
    supervisor->placement = placement_free(supervisor->placement);
    supervisor->sockets = sockets_free(supervisor->sockets);
    supervisor->compiler = compiler_free(supervisor->compiler);
    supervisor->kins = kins_free(supervisor->kins);
    supervisor->laters = laters_free(supervisor->laters);
    supervisor->is_closed = true;
    if (supervisor->openings == 0) {
        supervisor_destroy(supervisor);
    }
    return NULL;
}

void supervisor_opening_done(struct supervisor *supervisor)
{
    supervisor->openings--;
    if (supervisor->is_closed && supervisor->openings == 0) {
        supervisor_destroy(supervisor);
    }
}
