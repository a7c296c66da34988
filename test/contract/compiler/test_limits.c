/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that want too much: each ends by itself, says which limit it met, and was in the sandbox. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "job.h"
#include "runtime/compiler/compiler.h"

UNUSED static inline void outcome_fini_auto(struct outcome *held)
{
    outcome_fini(held);
}

static void has(const char *text, const char *words)
{
    if (!strstr(text, words)) {
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    }
}

static void put_number(struct buf *buf, size_t value)
{
    for (; value >= 0x80; value >>= 7) {
        buf_put_u8(buf, (uint8_t)(value | 0x80));
    }
    buf_put_u8(buf, (uint8_t)value);
}

static void put_section(struct buf *buf, uint8_t id, const struct buf *content)
{
    buf_put_u8(buf, id);
    put_number(buf, content->length);
    buf_put(buf, content->data, content->length);
}

/* Functions of one argument, each with @steps multiplications of it. */
static void put_code(struct buf *code, size_t functions, size_t steps)
{
    AUTO(buf_fini) struct buf body = BUF(1 << 20);

    buf_put_u8(&body, 0); /* no locals */
    for (size_t i = 0; i < steps; i++) {
        /* local.get 0, local.get 0, i32.mul, i32.load, local.set 0 */
        buf_put(&body, "\x20\0\x20\0\x6c\x28\x02\0\x21\0", 10);
    }
    buf_put(&body, "\x20\0\x0b", 3);
    put_number(code, functions);
    for (size_t i = 0; i < functions; i++) {
        put_number(code, body.length);
        buf_put(code, body.data, body.length);
    }
}

/* A component of one module that takes many seconds to compile. */
static void put_bomb(struct buf *ret)
{
    enum { FUNCTIONS = 2500, STEPS = 500 };
    AUTO(buf_fini) struct buf indices = BUF(1 << 20);
    AUTO(buf_fini) struct buf code = BUF(64 << 20);
    AUTO(buf_fini) struct buf module = BUF(64 << 20);
    const struct buf types = {.data = (uint8_t[]){1, 0x60, 1, 0x7f, 1, 0x7f}, .length = 6};
    const struct buf memory = {.data = (uint8_t[]){1, 0, 1}, .length = 3};

    put_number(&indices, FUNCTIONS);
    for (size_t i = 0; i < FUNCTIONS; i++) {
        buf_put_u8(&indices, 0);
    }
    put_code(&code, FUNCTIONS, STEPS);
    buf_put(&module, "\0asm\x01\0\0\0", 8);
    put_section(&module, 1, &types);
    put_section(&module, 3, &indices);
    put_section(&module, 5, &memory);
    put_section(&module, 10, &code);
    *ret = BUF(64 << 20);
    buf_put(ret, "\0asm\x0d\0\x01\0", 8);
    put_section(ret, 1, &module);
    assert_false(ret->overflow || module.overflow || code.overflow || indices.overflow);
}

static void too_much_memory_is_named_with_the_limit(void **state)
{
    const char *const options[] = {"--memory-bytes", "134217728", NULL};
    AUTO(buf_fini) struct buf bomb = {0};
    AUTO(outcome_fini) struct outcome outcome = {0};

    (void)state;
    put_bomb(&bomb);
    outcome = job_run(bomb.data, bomb.length, options);
    has(outcome_sentence(&outcome), "more than 128 MiB of memory");
}

/* Does /proc/PID/status have that line? */
static bool shows(const char *status, const char *key, const char *value)
{
    const char *line = strstr(status, key);

    return line && strncmp(line + strlen(key), value, strlen(value)) == 0;
}

static bool is_in_sandbox(int pid)
{
    AUTO(buf_fini) struct buf status = BUF(64 << 10);
    struct fault why = {0};
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    if (fs_read_small(AT_FDCWD, path, &status, &why) < 0) {
        return false;
    }
    buf_put_u8(&status, 0);
    return shows((const char *)status.data, "\nSeccomp:\t", "2\n") &&
           shows((const char *)status.data, "\nNoNewPrivs:\t", "1\n") &&
           shows((const char *)status.data, "\nCapEff:\t", "0000000000000000\n") &&
           !shows((const char *)status.data, "\nUid:\t", "0\t");
}

static bool stands_back(int pid)
{
    return sched_getscheduler(pid) == SCHED_BATCH &&
           getpriority(PRIO_PROCESS, (id_t)pid) == COMPILER_NICE;
}

static void a_job_without_end_is_in_the_sandbox_until_its_time_is_up(void **state)
{
    const char *const options[] = {"--cpu-seconds", "1", NULL};
    uint64_t deadline = clock_now_ns() + 10 * NS_PER_S;
    AUTO(buf_fini) struct buf bomb = {0};
    AUTO(fd_close) int wasm = -1;
    AUTO(outcome_fini) struct outcome outcome = {0};
    bool seen = false;
    struct job job;

    (void)state;
    put_bomb(&bomb);
    wasm = fs_memory("bomb", bomb.data, bomb.length);
    assert_true(wasm >= 0);
    job = job_new();
    job_start(&job, wasm, options);
    while (!seen && clock_now_ns() < deadline) {
        seen = is_in_sandbox(job.pid);
    }
    assert_true(stands_back(job.pid));
    outcome = job_end(&job);
    assert_true(seen);
    has(outcome_sentence(&outcome), "more than 1 seconds of processor time");
}

static void a_component_beyond_the_limit_is_refused_by_size(void **state)
{
    AUTO(fd_close) int wasm = memfd_create("large", MFD_CLOEXEC);
    AUTO(outcome_fini) struct outcome outcome = {0};
    struct job job;

    (void)state;
    assert_true(wasm >= 0);
    assert_int_equal(ftruncate(wasm, COMPILER_WASM_BYTES_MAX + 1), 0);
    job = job_new();
    job_start(&job, wasm, NULL);
    outcome = job_end(&job);
    has(outcome_sentence(&outcome), "larger than 134217728 bytes");
}

static void code_that_cannot_be_written_is_said(void **state)
{
    AUTO(buf_fini) struct buf guest = {0};
    AUTO(fd_close) int wasm = -1;
    AUTO(outcome_fini) struct outcome outcome = {0};
    struct job job;

    (void)state;
    guest_read("silent", &guest);
    wasm = fs_memory("silent", guest.data, guest.length);
    assert_true(wasm >= 0);
    job = job_new();
    assert_int_equal(fcntl(job.code, F_ADD_SEALS, F_SEAL_GROW), 0); /* as if the disk were full */
    job_start(&job, wasm, NULL);
    outcome = job_end(&job);
    has(outcome_sentence(&outcome), "write the native code");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_much_memory_is_named_with_the_limit),
        cmocka_unit_test(a_job_without_end_is_in_the_sandbox_until_its_time_is_up),
        cmocka_unit_test(a_component_beyond_the_limit_is_refused_by_size),
        cmocka_unit_test(code_that_cannot_be_written_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
