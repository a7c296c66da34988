/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello: a command whose first argument says what it shall do (a WASI p1 core module).
 *
 * Every ending and every effect a test needs from a command is a verb here, so that one small
 * module serves the whole table. Without a verb it prints its arguments, environment and folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, CHUNK = 16 * 1024 };

extern char **environ;

static int complain(const char *what, const char *name)
{
    fprintf(stderr, "hello: %s %s: %s\n", what, name, strerror(errno));
    return 1;
}

static unsigned long number(const char *text)
{
    char *end = NULL;
    unsigned long value = 0;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        fprintf(stderr, "hello: '%s' is not a number\n", text);
        exit(2);
    }
    return value;
}

/* All of stdout is flushed before a wait, an ending or a raw write: tests watch the order. */
static int copy(int from, int to)
{
    static char bytes[CHUNK];
    ssize_t got = 0;

    fflush(stdout);
    while ((got = read(from, bytes, sizeof(bytes))) > 0) {
        ssize_t done = 0;

        while (done < got) {
            ssize_t put = write(to, bytes + done, (size_t)(got - done));

            if (put < 0) {
                return complain("write", "output");
            }
            done += put;
        }
    }
    return got < 0 ? complain("read", "input") : 0;
}

static void rest(unsigned long milliseconds)
{
    struct timespec span = {
        .tv_sec = (time_t)(milliseconds / 1000),
        .tv_nsec = (long)(milliseconds % 1000) * 1000000L,
    };

    fflush(stdout);
    nanosleep(&span, NULL);
}

static int show(int argc, char **argv)
{
    char folder[1024];

    printf("Hello from C\n");
    for (int i = 0; i < argc; i++) {
        printf("arg %d: %s\n", i, argv[i]);
    }
    for (char **entry = environ; entry && *entry; entry++) {
        printf("env %s\n", *entry);
    }
    printf("cwd %s\n", getcwd(folder, sizeof(folder)) ? folder : "(none)");
    return 0;
}

static int do_env(char **words)
{
    const char *value = getenv(words[0]);

    if (!value) {
        fprintf(stderr, "hello: no %s in the environment\n", words[0]);
        return 1;
    }
    printf("%s\n", value);
    return 0;
}

static int do_cat(char **words)
{
    int file = open(words[0], O_RDONLY);
    int result = 0;

    if (file < 0) {
        return complain("open", words[0]);
    }
    result = copy(file, STDOUT_FILENO);
    close(file);
    return result;
}

/* What a file holds, or why it cannot be read, and how often that was so. */
static int do_probe(char **words)
{
    struct found {
        char text[32];
        unsigned long times;
    } found[16] = {0};
    unsigned long times = number(words[1]);

    for (unsigned long i = 0; i < times; i++) {
        int file = open(words[0], O_RDONLY);
        char text[32] = "";
        size_t at = 0;

        if (file < 0 || read(file, text, sizeof(text) - 1) < 0) {
            snprintf(text, sizeof(text), "%s", strerror(errno));
        }
        if (file >= 0) {
            close(file);
        }
        while (at < 15 && found[at].times > 0 && strcmp(found[at].text, text) != 0) {
            at++;
        }
        memcpy(found[at].text, text, sizeof(text));
        found[at].times++;
    }
    for (size_t i = 0; i < 16 && found[i].times > 0; i++) {
        printf("%lu %s\n", found[i].times, found[i].text);
    }
    return 0;
}

static int do_hold(char **words)
{
    unsigned long held = 0;

    while (open(words[0], O_RDONLY) >= 0) {
        held++;
    }
    printf("%lu files: %s\n", held, strerror(errno));
    return 0;
}

static int do_write(char **words)
{
    FILE *file = fopen(words[0], "w");

    if (!file) {
        return complain("create", words[0]);
    }
    fprintf(file, "%s\n", words[1]);
    return fclose(file) == 0 ? 0 : complain("close", words[0]);
}

static int do_ls(char **words)
{
    struct dirent **entries = NULL;
    int count = scandir(words[0], &entries, NULL, alphasort);

    if (count < 0) {
        return complain("list", words[0]);
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0) {
            printf("%s\n", entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return 0;
}

static int do_stat(char **words)
{
    struct stat info;

    if (stat(words[0], &info) < 0) {
        return complain("stat", words[0]);
    }
    printf("%s %lld %s\n", S_ISDIR(info.st_mode) ? "folder" : S_ISREG(info.st_mode) ? "file" : "other",
           (long long)info.st_size, words[0]);
    return 0;
}

static int do_rm(char **words)
{
    return unlink(words[0]) == 0 ? 0 : complain("remove", words[0]);
}

static int do_mkdir(char **words)
{
    return mkdir(words[0], 0755) == 0 ? 0 : complain("make", words[0]);
}

static int do_exit(char **words)
{
    fflush(stdout);
    exit((int)number(words[0]));
}

static int do_sleep(char **words)
{
    printf("sleeping\n");
    rest(number(words[0]) * 1000);
    return 0;
}

static int do_spin(char **words)
{
    volatile unsigned long turns = 0;

    (void)words;
    printf("spinning\n");
    fflush(stdout);
    for (;;) {
        turns++;
    }
}

static int do_trap(char **words)
{
    (void)words;
    printf("trapping\n");
    fflush(stdout);
    __builtin_trap();
}

static unsigned deeper(unsigned depth);
static unsigned (*volatile next)(unsigned) = deeper;

/* Recursion on the engine's stack alone: no local of it lies in linear memory. */
static unsigned deeper(unsigned depth)
{
    return next(depth + 1) + depth;
}

static int do_overflow(char **words)
{
    (void)words;
    printf("recursing\n");
    fflush(stdout);
    return (int)(next(1) & 1U);
}

/* Volatile, or the compiler sees that nobody reads the memory and takes none. */
static char *volatile eaten_last;

static int do_eat(char **words)
{
    unsigned long wanted = number(words[0]);

    fprintf(stderr, "eating\n");
    for (unsigned long eaten = 0; eaten < wanted; eaten++) {
        char *piece = malloc(MIB);

        if (!piece) {
            fprintf(stderr, "hello: refused after %lu MiB\n", eaten);
            abort();
        }
        memset(piece, (int)(eaten & 0x7f) + 1, MIB);
        eaten_last = piece;
    }
    printf("ate %lu MiB\n", wanted);
    if (words[1]) {
        rest(number(words[1]) * 1000);
    }
    return 0;
}

/*
 * Every MiB is filled with its number, a line is printed between any two, and all are looked at
 * afterwards: whoever takes memory behind the allocator's back is found out.
 */
static int do_whole(char **words)
{
    unsigned long wanted = number(words[0]);
    unsigned char **pieces = NULL;

    fprintf(stderr, "begun\n");
    pieces = calloc(wanted, sizeof(*pieces));
    for (unsigned long i = 0; pieces && i < wanted; i++) {
        pieces[i] = malloc(MIB);
        if (!pieces[i]) {
            return complain("take", "memory");
        }
        memset(pieces[i], (int)(i & 0xff), MIB);
        fprintf(stderr, "%lu\n", i);
    }
    for (unsigned long i = 0; pieces && i < wanted; i++) {
        for (size_t at = 0; at < MIB; at++) {
            if (pieces[i][at] != (i & 0xff)) {
                printf("MiB %lu is broken at %zu\n", i, at);
                return 1;
            }
        }
    }
    printf("whole\n");
    return pieces ? 0 : complain("take", "memory");
}

/* The file as a whole, by calls that each ask for all that is left. */
static int do_gulp(char **words)
{
    int file = open(words[0], O_RDONLY);
    struct stat info;
    size_t size = 0;
    size_t done = 0;
    unsigned long sum = 0;
    unsigned char *bytes = NULL;

    if (file < 0 || fstat(file, &info) < 0) {
        return complain("open", words[0]);
    }
    size = (size_t)info.st_size;
    bytes = malloc(size);
    while (bytes && done < size) {
        ssize_t got = read(file, bytes + done, size - done);

        if (got <= 0) {
            return complain("read", words[0]);
        }
        done += (size_t)got;
    }
    for (size_t i = 0; i < done; i++) {
        sum += bytes[i];
    }
    printf("%zu bytes, sum %lu\n", done, sum);
    free(bytes);
    close(file);
    return 0;
}

static int do_echo(char **words)
{
    (void)words;
    return copy(STDIN_FILENO, STDOUT_FILENO);
}

static int do_err(char **words)
{
    fprintf(stderr, "%s\n", words[0]);
    return 0;
}

static int do_flood(char **words)
{
    unsigned long left = number(words[0]);
    static char line[64];

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    while (left > 0) {
        size_t now = left < sizeof(line) ? (size_t)left : sizeof(line);

        if (fwrite(line, 1, now, stdout) != now) {
            return complain("write", "output");
        }
        left -= now;
    }
    return 0;
}

static int do_ticks(char **words)
{
    unsigned long count = number(words[0]);
    unsigned long pause = number(words[1]);

    for (unsigned long i = 1; i <= count; i++) {
        printf("tick %lu\n", i);
        rest(pause);
    }
    return 0;
}

static const struct verb {
    const char *name;
    int words; /* at least so many must follow */
    int (*run)(char **words);
    const char *use;
} verbs[] = {
    {"env", 1, do_env, "env NAME"},
    {"cat", 1, do_cat, "cat FILE"},
    {"hold", 1, do_hold, "hold FILE (open, as often as it can be)"},
    {"probe", 2, do_probe, "probe FILE TIMES (what it holds, and how often)"},
    {"write", 2, do_write, "write FILE TEXT"},
    {"ls", 1, do_ls, "ls FOLDER"},
    {"stat", 1, do_stat, "stat PATH"},
    {"rm", 1, do_rm, "rm FILE"},
    {"mkdir", 1, do_mkdir, "mkdir FOLDER"},
    {"exit", 1, do_exit, "exit CODE"},
    {"sleep", 1, do_sleep, "sleep SECONDS"},
    {"spin", 0, do_spin, "spin (for ever)"},
    {"trap", 0, do_trap, "trap (unreachable)"},
    {"overflow", 0, do_overflow, "overflow (the stack)"},
    {"eat", 1, do_eat, "eat MIB [SECONDS] (abort when memory is refused, else hold it)"},
    {"whole", 1, do_whole, "whole MIB (print between allocations, then look at all of it)"},
    {"gulp", 1, do_gulp, "gulp FILE (in as few reads as it takes)"},
    {"echo", 0, do_echo, "echo (stdin to stdout)"},
    {"err", 1, do_err, "err TEXT (to stderr)"},
    {"flood", 1, do_flood, "flood BYTES (to stdout)"},
    {"ticks", 2, do_ticks, "ticks COUNT MILLISECONDS (a line each)"},
};

int main(int argc, char **argv)
{
    if (argc < 2) {
        return show(argc, argv);
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].words) {
            return verbs[i].run(argv + 2);
        }
    }
    if (strcmp(argv[1], "show") == 0) {
        return show(argc, argv);
    }
    fprintf(stderr, "hello: cannot '%s' with %d words; the verbs are:\n  show\n", argv[1], argc - 2);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        fprintf(stderr, "  %s\n", verbs[i].use);
    }
    return 2;
}
