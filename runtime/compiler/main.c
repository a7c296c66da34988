/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep-compiler: one job, one process, one sandbox.
 *
 *     skep-compiler compile [--memory-bytes N] [--cpu-seconds N] [--accept-missing NAMES]
 *                           [--parts N]
 *         descriptor 3: the component or core module, read from its start; with --parts the recipe
 *         descriptor 4: native code is written here
 *         descriptor 5: the description (compiler.h) is written here
 *         status 0: done; 1: refused, and descriptor 5 holds one sentence instead; a signal: a limit
 *         descriptor 6 and so on: the components of the recipe, with --parts
 *     skep-compiler describe …
 *         the same with nothing written to descriptor 4
 *     skep-compiler link --parts N …
 *         the same with one component written to descriptor 4, for any host
 *     skep-compiler identity
 *         prints compiler_identity() as a line
 *
 * It stands back for whoever serves: a low priority, and long turns that anybody who wakes up cuts
 * short.
 *
 * Memory and processor time that run out end the job with a sentence where that is possible: the
 * allocator and SIGXCPU come here first, the kernel's own SIGKILL a second later.
 */
#include "runtime/compiler/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "runtime/sandbox/sandbox.h"

enum { FD_WASM = 3, FD_CODE = 4, FD_DESCRIPTION = 5, FD_PARTS = 6 };
enum aim { AIM_CODE, AIM_DESCRIPTION, AIM_WASM };
enum { THREADS = 2 };
enum { STATUS_DONE, STATUS_REFUSED, STATUS_USAGE };

/* A tenth of a processor beside somebody who wants all of it: compiling ends all the same. */
enum { NICE = COMPILER_NICE, TURN_NS = 100000000 };

/* Native code is two to four times the size of what it comes from. */
#define CODE_BYTES_MAX (8ULL * COMPILER_WASM_BYTES_MAX)

struct options {
#define OPTION(field, name, value, least, most) uint64_t field;
#include "runtime/compiler/options.def"
#undef OPTION
    uint32_t accepted; /* walls that may be missing */
    enum aim aim;
};

static const struct option {
    const char *name;
    size_t offset;
    uint64_t least;
    uint64_t most;
} table[] = {
#define OPTION(field, name, value, least, most) {name, offsetof(struct options, field), least, most},
#include "runtime/compiler/options.def"
#undef OPTION
};

static const struct options defaults = {
#define OPTION(field, name, value, least, most) .field = (value),
#include "runtime/compiler/options.def"
#undef OPTION
};

/* What the end by a limit says; written beforehand, since nothing can be printed by then. */
static char memory_gone[COMPILER_WHY_MAX];
static char time_gone[COMPILER_WHY_MAX];
static atomic_flag is_ending = ATOMIC_FLAG_INIT;

/* Ends the process from any thread or signal handler; the first one speaks. */
NORETURN static void end_with(const char *sentence)
{
    if (atomic_flag_test_and_set(&is_ending)) {
        for (;;) {
            (void)sigsuspend(&(sigset_t){0});
        }
    }
    /* Nowhere is left to report a failed write to: the status still says that it was refused. */
    if (write(FD_DESCRIPTION, sentence, strlen(sentence)) < 0) {
        _exit(STATUS_REFUSED);
    }
    _exit(STATUS_REFUSED);
}

static void on_memory_gone(void)
{
    end_with(memory_gone);
}

static void on_time_gone(int number)
{
    (void)number;
    end_with(time_gone);
}

static int watch_limits(const struct options *options, struct fault *why)
{
    const struct sigaction action = {.sa_handler = on_time_gone};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct rlimit time = {.rlim_cur = options->cpu_seconds, .rlim_max = options->cpu_seconds + 1};

    (void)snprintf(memory_gone, sizeof(memory_gone),
                   "compiling it takes more than %" PRIu64 " MiB of memory (compiler.memory_bytes of "
                   "skep.json)",
                   options->memory_bytes >> 20);
    (void)snprintf(time_gone, sizeof(time_gone),
                   "compiling it takes more than %" PRIu64 " seconds of processor time "
                   "(compiler.cpu_seconds of skep.json)",
                   options->cpu_seconds);
    compiler_on_memory_gone(on_memory_gone);
    /* A second arena per thread would reserve address space that is counted. */
    (void)mallopt(M_ARENA_MAX, 1);
    if (sigaction(SIGXCPU, &action, NULL) != 0 || sigaction(SIGXFSZ, &ignore, NULL) != 0 ||
        setrlimit(RLIMIT_CPU, &time) != 0) {
        return fault_sys(why, -errno, "watch the limits");
    }
    return 0;
}

static int enter_sandbox(const struct options *options, struct fault *why)
{
    const struct sandbox_options wanted = {
        .fds_kept = FD_PARTS + (uint32_t)options->parts,
        .memory_bytes = options->memory_bytes,
        .accepted = options->accepted,
        .file_bytes = CODE_BYTES_MAX,
    };
    struct sandbox sandbox = {0};

    TRY(sandbox_enter_early(SANDBOX_COMPILER, &wanted, &sandbox, why));
    TRY(watch_limits(options, why));
    return sandbox_enter_late(&sandbox, why);
}

static int write_bytes(int fd, const struct compiler_bytes *bytes, const char *what,
                       struct fault *why)
{
    int err = fs_write_all(fd, bytes->data, bytes->length);

    return err < 0 ? fault_sys(why, err, "write %s", what) : 0;
}

/* Best effort: what fails only makes it a worse neighbour. */
static void stand_back(void)
{
    /* struct sched_attr of sched_setattr(2), which the C library lacks. */
    const struct attributes {
        uint32_t size;
        uint32_t policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime; /* the length of a turn from Linux 6.12 on, of no meaning before */
        uint64_t deadline;
        uint64_t period;
    } wanted = {
        .size = sizeof(wanted), .policy = SCHED_BATCH, .nice = NICE, .runtime = TURN_NS};
    AUTO(fd_close) int group = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);

    if (syscall(SYS_sched_setattr, 0, &wanted, 0) < 0) {
        (void)setpriority(PRIO_PROCESS, 0, NICE);
    }
    /* Where processors are shared out by session first, that of the job counts. */
    if (group >= 0) {
        (void)dprintf(group, "%d", NICE);
    }
}

/* All parts one behind the other in @bytes. */
static int read_parts(size_t count, struct buf *bytes, struct compiler_range *ret, struct fault *why)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(buf_fini) struct buf part = BUF(COMPILER_WASM_BYTES_MAX);

        TRY(fs_read_fd(FD_PARTS + (int)i, "a component", &part, why));
        buf_put(bytes, part.data, part.length);
        ret[i].length = part.length;
    }
    TRY(buf_check(bytes, "the components of one pod", why));
    for (size_t i = 0, at = 0; i < count; i++) {
        ret[i].data = bytes->data + at;
        at += ret[i].length;
    }
    return 0;
}

static int compose(const struct options *options, struct compiler_output *ret, char *sentence,
                   struct fault *why)
{
    AUTO(buf_fini) struct buf recipe = BUF(COMPILER_RECIPE_BYTES_MAX);
    AUTO(buf_fini) struct buf bytes = BUF(COMPILER_WASM_BYTES_MAX);
    struct compiler_range parts[COMPILER_PARTS_MAX] = {{0}};
    struct compiler_composition composition = {.parts = parts, .count = options->parts};

    TRY(fs_read_fd(FD_WASM, "the recipe", &recipe, why));
    TRY(read_parts(composition.count, &bytes, parts, why));
    composition.recipe = (struct compiler_range){recipe.data, recipe.length};
    if (options->aim == AIM_WASM) {
        return compiler_link(&composition, ret, sentence);
    }
    return compiler_compose(&composition, THREADS, ret, sentence);
}

static int work(const struct options *options, struct compiler_output *ret, char *sentence,
                struct fault *why)
{
    AUTO(buf_fini) struct buf wasm = BUF(COMPILER_WASM_BYTES_MAX);

    if (options->parts > 0) {
        return compose(options, ret, sentence, why);
    }
    TRY(fs_read_fd(FD_WASM, "the component", &wasm, why));
    if (options->aim == AIM_DESCRIPTION) {
        return compiler_describe(wasm.data, wasm.length, ret, sentence);
    }
    return compiler_compile(wasm.data, wasm.length, THREADS, ret, sentence);
}

static int compile(const struct options *options, struct fault *why)
{
    AUTO(compiler_output_fini) struct compiler_output output = {0};
    char sentence[COMPILER_WHY_MAX] = "";

    stand_back();
    TRY(enter_sandbox(options, why));
    if (work(options, &output, sentence, why) < 0) {
        return sentence[0] != '\0' ? fault(why, FAULT_INVALID, "%s", sentence) : -1;
    }
    TRY(write_bytes(FD_CODE, &output.code,
                    options->aim == AIM_WASM ? "the component" : "the native code", why));
    return write_bytes(FD_DESCRIPTION, &output.description, "the description", why);
}

static int say_usage(void)
{
    (void)fputs("usage: skep-compiler compile|describe|link [--memory-bytes N] [--cpu-seconds N]\n"
                "                             [--accept-missing NAMES] [--parts N]\n"
                "           with descriptors 3 (Wasm or recipe), 4 (code), 5 (description),\n"
                "           6 to 5 + N (Wasm)\n"
                "       skep-compiler identity\n",
                stderr);
    return STATUS_USAGE;
}

static bool option_read(const char *name, const char *value, struct options *ret)
{
    struct fault ignored;

    if (strcmp(name, "--accept-missing") == 0) {
        return sandbox_accept(text_of(value), &ret->accepted, &ignored) == 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (strcmp(name, table[i].name) == 0) {
            return text_to_u64(text_of(value), table[i].least, table[i].most,
                               (uint64_t *)(void *)((char *)ret + table[i].offset));
        }
    }
    return false;
}

static bool verb_read(const char *name, enum aim *ret)
{
    static const char *const verbs[] = {
        [AIM_CODE] = "compile", [AIM_DESCRIPTION] = "describe", [AIM_WASM] = "link"};

    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (strcmp(name, verbs[i]) == 0) {
            *ret = (enum aim)i;
            return true;
        }
    }
    return false;
}

/* A recipe is of parts; one component has no recipe and is not linked. */
static bool makes_sense(const struct options *options)
{
    return options->aim == AIM_CODE || (options->aim == AIM_WASM) == (options->parts > 0);
}

static int compile_verb(enum aim aim, int argc, char *const *argv)
{
    struct options options = defaults;
    struct fault why = {0};

    options.aim = aim;

    for (int i = 0; i < argc; i += 2) {
        if (i + 1 == argc || !option_read(argv[i], argv[i + 1], &options)) {
            return say_usage();
        }
    }
    for (int fd = FD_WASM; fd < FD_PARTS + (int)options.parts; fd++) {
        if (!makes_sense(&options) || fcntl(fd, F_GETFD) < 0) {
            return say_usage();
        }
    }
    if (compile(&options, &why) < 0) {
        end_with(why.text);
    }
    return STATUS_DONE;
}

static int identity_verb(void)
{
    char identity[COMPILER_IDENTITY_MAX];
    char why[COMPILER_WHY_MAX];

    if (compiler_identity(identity, why) < 0) {
        (void)fprintf(stderr, "skep-compiler: %s\n", why);
        return STATUS_REFUSED;
    }
    return puts(identity) < 0 || fflush(stdout) != 0 ? STATUS_REFUSED : STATUS_DONE;
}

int main(int argc, char **argv)
{
    enum aim aim;

    if (argc >= 2 && verb_read(argv[1], &aim)) {
        return compile_verb(aim, argc - 2, argv + 2);
    }
    if (argc == 2 && strcmp(argv[1], "identity") == 0) {
        return identity_verb();
    }
    return say_usage();
}
