/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiler for tests: the "component" is a text of two words, what to do and a path.
 *
 *   command PATH, server PATH, library PATH, unknown PATH   describes it so; the text is the code
 *   gives PATH NAME   a library that exports NAME; needs PATH NAME: a command that imports it
 *   hold PATH     the same as command, after somebody has written to the FIFO PATH.fifo
 *   refuse, abort, crash, status, silent, nonsense          end as the word says
 *   hang          until killed
 *
 * Each job adds a byte to the file PATH, so that a test can count jobs.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WASM = 3, CODE = 4, DESCRIPTION = 5, PARTS = 6 };

static void put(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        _exit(99);
    }
}

static void count(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    put(fd, ".");
    (void)close(fd);
}

static void hold(const char *path)
{
    char name[512];
    char byte;
    int fd;

    (void)snprintf(name, sizeof(name), "%s.fifo", path);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (read(fd, &byte, 1) != 1) {
        _exit(98);
    }
    (void)close(fd);
}

static void describe_linkable(bool gives, const char *name)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "{\"v\":1,\"kind\":\"%s\",\"imports\":[%s%s%s],\"exports\":[%s%s%s],"
                   "\"unknown\":[%s%s%s]}",
                   gives ? "library" : "command", gives ? "" : "\"", gives ? "" : name,
                   gives ? "" : "\"", gives ? "\"" : "", gives ? name : "", gives ? "\"" : "",
                   gives ? "" : "\"", gives ? "" : name, gives ? "" : "\"");
    put(DESCRIPTION, text);
}

static void describe(const char *kind, const char *unknown)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "{\"v\":1,\"kind\":\"%s\",\"wasi\":\"0.2\",\"imports\":[],\"exports\":[],"
                   "\"unknown\":[%s],\"adapted\":\"none\",\"wasm_bytes\":1,\"code_bytes\":1}",
                   kind, unknown);
    put(DESCRIPTION, text);
}

static int end_badly(const char *word)
{
    const struct rlimit none = {0};

    (void)setrlimit(RLIMIT_CORE, &none);
    if (strcmp(word, "refuse") == 0) {
        put(DESCRIPTION, "it is not WebAssembly: it begins\twith \"refuse\"");
        return 1;
    }
    if (strcmp(word, "abort") == 0) {
        abort();
    }
    if (strcmp(word, "crash") == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer has a handler of its own */
        (void)raise(SIGSEGV);
    }
    while (strcmp(word, "hang") == 0) {
        (void)pause();
    }
    if (strcmp(word, "nonsense") == 0) {
        put(CODE, "code");
        put(DESCRIPTION, "{\"v\":1,\"kind\":\"teapot\",\"imports\":[],\"unknown\":[]}");
        return 0;
    }
    return strcmp(word, "silent") == 0 ? 1 : 42;
}

/* A recipe and its parts, each of which must be there. */
static int compose(const char *recipe, int count)
{
    char byte;

    for (int i = 0; i < count; i++) {
        if (pread(PARTS + i, &byte, 1, 0) != 1) {
            return 95;
        }
    }
    if (strncmp(recipe, "skep-recipe 1\npart ", 19) != 0 || !strstr(recipe, "\nedge 0 ")) {
        return 94;
    }
    describe("command", "");
    put(CODE, "command");
    return 0;
}

int main(int argc, char **argv)
{
    char text[512] = "";
    char name[64] = "";
    char word[64] = "";
    char path[256] = "";

    if (argc == 2 && strcmp(argv[1], "identity") == 0) {
        (void)puts("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        return 0;
    }
    if ((argc != 8 && argc != 10) || pread(WASM, text, sizeof(text) - 1, 0) <= 0 ||
        sscanf(text, "%63s %255s %63s", word, path, name) < 1) {
        return 97;
    }
    if (argc == 10) {
        return compose(text, (int)strtol(argv[9], NULL, 10));
    }
    if (path[0] != '\0') {
        count(path);
    }
    if (strcmp(word, "hold") == 0) {
        hold(path);
        (void)snprintf(word, sizeof(word), "command");
    }
    if (strcmp(word, "gives") == 0 || strcmp(word, "needs") == 0) {
        describe_linkable(word[0] == 'g', name);
    } else if (strcmp(word, "command") == 0 || strcmp(word, "server") == 0 ||
        strcmp(word, "library") == 0) {
        describe(word, "");
    } else if (strcmp(word, "unknown") == 0) {
        describe("command", "\"acme:vault/store@1.0.0\",\"acme:vault/two@1.0.0\"");
    } else {
        return end_badly(word);
    }
    put(CODE, word);
    return 0;
}
