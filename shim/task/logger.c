/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The logger gets pipes 3 and 4 to read, and 5 to say that it is ready, by a byte or by closing it.
 * After the pipes are closed it has time to write what is left; then it is told to go by SIGTERM,
 * and by SIGKILL.
 */
#include "shim/task/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/process.h"

static const uint64_t end_ns[] = {12 * NS_PER_S, 2 * NS_PER_S};
static const int end_signals[] = {SIGTERM, SIGKILL};

static size_t ending; /* loggers whose end is awaited; the loop's */

struct logger {
    int pid;
    struct loop_child *child;
    struct loop_timer *timer;
    size_t step;
};

/* ---- its address ---- */

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit == '\0' ? NULL : strchr(digits, digit | ((digit >= 'A') ? 0x20 : 0));

    return at ? (int)(at - digits) : -1;
}

/* A part of the address without its percent signs; '+' is a space in queries. */
static own char *decode(struct text part, bool in_query)
{
    char *out = memory_text(part.at, part.length);
    size_t length = 0;

    for (size_t i = 0; i < part.length; i++) {
        int high = i + 2 < part.length ? hex_value(part.at[i + 1]) : -1;
        int low = high >= 0 ? hex_value(part.at[i + 2]) : -1;

        if (part.at[i] == '%' && low >= 0) {
            out[length++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[length++] = in_query && part.at[i] == '+' ? ' ' : part.at[i];
        }
    }
    out[length] = '\0';
    return out;
}

static int args_add(struct logger_args *args, own char *text, struct fault *why)
{
    if (args->count >= LOGGER_ARGS_MAX) {
        free(text);
        return fault(why, FAULT_LIMIT, "a logger has at most %d arguments", LOGGER_ARGS_MAX);
    }
    args->argv[args->count++] = text;
    return 0;
}

int logger_parse(const char *address, struct logger_args *ret, struct fault *why)
{
    size_t path = strcspn(address, "?");
    const char *at = address + path;

    *ret = (struct logger_args){0};
    if (address[0] != '/' || strlen(address) > LOGGER_ADDRESS_MAX) {
        return fault(why, FAULT_INVALID,
                     "a logger's address is binary:///absolute/path?key=value, not binary://%.100s",
                     address);
    }
    ret->argv = NEW_ARRAY(LOGGER_ARGS_MAX + 1, char *);
    TRY(args_add(ret, decode((struct text){address, path}, false), why));
    while (*at != '\0') {
        size_t length = strcspn(++at, "&");
        size_t key = strcspn(at, "=&");

        if (length > 0) {
            TRY(args_add(ret, decode((struct text){at, key}, true), why));
            TRY(args_add(ret,
                         decode((struct text){at + key + (key < length ? 1 : 0),
                                              length - key - (key < length ? 1 : 0)},
                                true),
                         why));
        }
        at += length;
    }
    return 0;
}

void logger_args_fini(struct logger_args *args)
{
    for (size_t i = 0; i < args->count; i++) {
        free(args->argv[i]);
    }
    free(args->argv);
    *args = (struct logger_args){0};
}

/* ---- its start ---- */

static int process_run(const struct logger_plan *plan, const struct logger_args *args, int ready,
                       int *ret_pid, struct fault *why)
{
    char id[160];
    char space[160];
    const char *envp[] = {id, space, NULL};
    const int fds[] = {plan->out, plan->err, ready};
    const struct process_plan process = {.path = args->argv[0],
                                         .argv = (const char *const *)args->argv,
                                         .envp = envp,
                                         .in = -1,
                                         .out = -1,
                                         .err = -1,
                                         .fds = fds,
                                         .fds_count = ARRAY_SIZE(fds),
                                         .session = true};

    (void)snprintf(id, sizeof(id), "CONTAINER_ID=%s", plan->id);
    (void)snprintf(space, sizeof(space), "CONTAINER_NAMESPACE=%s", plan->namespace_id);
    return process_start(&process, ret_pid, why);
}

/* Return: 1 it said so, 0 it closed the pipe, negative: neither in time. */
static int wait_ready(int hear)
{
    struct pollfd ready = {.fd = hear, .events = POLLIN};
    char byte;
    int done;

    do {
        done = poll(&ready, 1, LOGGER_READY_MS);
    } while (done < 0 && errno == EINTR);
    if (done <= 0) {
        return -1;
    }
    return read(hear, &byte, 1) == 1 ? 1 : 0;
}

int logger_start(const struct logger_plan *plan, own struct logger **ret, struct fault *why)
{
    AUTO(fd_close) int hear = -1;
    struct logger_args args;
    int ready[2];
    int pid = 0;
    int done;

    if (logger_parse(plan->address, &args, why) < 0) {
        logger_args_fini(&args);
        return -1;
    }
    if (pipe2(ready, O_CLOEXEC) < 0) {
        logger_args_fini(&args);
        return fault_sys(why, -errno, "make a pipe for a logger");
    }
    hear = ready[0];
    done = process_run(plan, &args, ready[1], &pid, why);
    (void)fd_close(ready[1]);
    logger_args_fini(&args);
    if (done < 0) {
        return fault_while(why, "start the logger %.100s", plan->address);
    }
    done = wait_ready(hear);
    if (done < 0 || (done == 0 && plan->must_say)) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return fault(why, FAULT_UNAVAILABLE, "the logger %.200s did not say that it is ready",
                     plan->address);
    }
    *ret = NEW(struct logger);
    (*ret)->pid = pid;
    return 0;
}

/* ---- its end ---- */

static void logger_ended(void *owner, int status)
{
    struct logger *logger = owner;

    (void)status;
    logger->timer = loop_timer_free(logger->timer);
    free(logger);
    ending--;
}

static void logger_late(void *owner)
{
    struct logger *logger = owner;

    (void)kill(logger->pid, end_signals[logger->step]);
    logger->step++;
    if (logger->step < ARRAY_SIZE(end_ns)) {
        loop_timer_set(logger->timer, end_ns[logger->step]);
    }
}

struct logger *logger_end(own struct logger *logger, struct loop *loop)
{
    struct fault why = {0};

    if (!logger) {
        return NULL;
    }
    logger->child = loop_child_new(loop, logger->pid, logger_ended, logger, &why);
    if (!logger->child) {
        (void)kill(logger->pid, SIGKILL);
        (void)waitpid(logger->pid, NULL, 0);
        free(logger);
        return NULL;
    }
    logger->timer = loop_timer_new(loop, logger_late, logger);
    loop_timer_set(logger->timer, end_ns[0]);
    ending++;
    return NULL;
}

size_t loggers_ending(void)
{
    return ending;
}
