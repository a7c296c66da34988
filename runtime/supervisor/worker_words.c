/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker says: whether it may just now, by requests.def; and its lines, by their rate. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/broker/requests.h"
#include "runtime/supervisor/worker_tasks.h"

bool worker_may_say(const struct worker_process *worker, enum message_kind kind)
{
    static const struct row {
        enum message_kind kind;
        enum request request;
    } rows[] = {{MESSAGE_READY, REQUEST_READY},
                {MESSAGE_LOADED, REQUEST_LOADED},
                {MESSAGE_STARTED, REQUEST_STARTED},
                {MESSAGE_EXITED, REQUEST_EXITED},
                {MESSAGE_LOG, REQUEST_LOG}};
    enum request_phase phase =
        worker->state == WORKER_GREETING ? REQUEST_GREETING : REQUEST_SERVING;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].kind == kind) {
            return request_fits(rows[i].request, phase);
        }
    }
    return false;
}

void worker_log(struct worker_process *worker, const struct message_log *line)
{
    const unsigned lines_max = request_rate(REQUEST_LOG).rate;
    uint64_t now = clock_now_ns();

    if (line->level == LOG_LEVEL_ERROR) {
        (void)snprintf(worker->last_words, sizeof(worker->last_words), "%s", line->text);
    }
    if (now - worker->lines_since_ns > NS_PER_S) {
        if (worker->lines > lines_max) {
            log_warn("worker lines dropped", "domain=%s count=%u", worker->domain,
                     worker->lines - lines_max);
        }
        worker->lines_since_ns = now;
        worker->lines = 0;
    }
    worker->lines++;
    if (worker->lines <= lines_max) {
        log_line((enum log_level)line->level, "worker", "domain=%s %s", worker->domain, line->text);
    }
}
