/* SPDX-License-Identifier: Apache-2.0 */
/*
 * box: the few words of a shell with which critest fills its containers, as a component (a WASI p1 core module).
 *
 * It does what its arguments say, whatever its own name: top, sleep, echo, cat, ls, hostname. "sh -c" takes several of
 * them, between semicolons, and "while true; do …; done"; "sh" alone takes them from stdin, a line each.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 16, LINE_MAX_BYTES = 4096 };

static int run(char **words, int count);

static int complain(const char *name)
{
    fprintf(stderr, "box: %s: %s\n", name, strerror(errno));
    return 1;
}

static int echo(char **words, int count)
{
    int first = count > 1 && strcmp(words[1], "-n") == 0 ? 2 : 1;

    for (int i = first; i < count; i++) {
        printf("%s%s", i > first ? " " : "", words[i]);
    }
    if (first == 1) {
        putchar('\n');
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

static int cat(char **words, int count)
{
    int status = 0;

    for (int i = 1; i < count; i++) {
        FILE *file = fopen(words[i], "r");
        int byte = 0;

        if (!file) {
            status = complain(words[i]);
            continue;
        }
        while ((byte = getc(file)) != EOF) {
            putchar(byte);
        }
        (void)fclose(file);
    }
    return fflush(stdout) == 0 ? status : 1;
}

static int ls(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;

    if (!folder) {
        return complain(path);
    }
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            puts(entry->d_name);
        }
    }
    (void)closedir(folder);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int wait_here(unsigned seconds)
{
    while ((seconds = sleep(seconds)) > 0) {
    }
    return 0;
}

/* Its words are cut where they lie. */
static int run_simple(char *line)
{
    char *words[WORDS_MAX];
    char *rest = NULL;
    int count = 0;

    for (char *word = strtok_r(line, " \n", &rest); word && count < WORDS_MAX;
         word = strtok_r(NULL, " \n", &rest)) {
        words[count++] = word;
    }
    return count == 0 ? 0 : run(words, count);
}

static int run_script(const char *script)
{
    static const char head[] = "while true; do ";
    int loops = strncmp(script, head, sizeof(head) - 1) == 0;
    const char *body = loops ? script + sizeof(head) - 1 : script;
    int status = 0;

    do {
        char line[LINE_MAX_BYTES];
        char *rest = NULL;

        (void)snprintf(line, sizeof(line), "%s", body);
        for (char *part = strtok_r(line, ";", &rest); part; part = strtok_r(NULL, ";", &rest)) {
            if (strcmp(part, " done") != 0) {
                status = run_simple(part);
            }
        }
    } while (loops);
    return status;
}

static int shell(char **words, int count)
{
    char line[LINE_MAX_BYTES];
    int status = 0;

    if (count > 2 && strcmp(words[1], "-c") == 0) {
        return run_script(words[2]);
    }
    while (fgets(line, sizeof(line), stdin)) {
        status = run_simple(line);
    }
    return status;
}

static int run(char **words, int count)
{
    const char *slash = strrchr(words[0], '/');
    const char *name = slash ? slash + 1 : words[0];

    if (strcmp(name, "sh") == 0) {
        return shell(words, count);
    }
    if (strcmp(name, "top") == 0 || (strcmp(name, "sleep") == 0 && count > 1)) {
        return wait_here(count > 1 ? (unsigned)strtoul(words[1], NULL, 10) : 1U << 30);
    }
    if (strcmp(name, "echo") == 0) {
        return echo(words, count);
    }
    if (strcmp(name, "cat") == 0) {
        return cat(words, count);
    }
    if (strcmp(name, "ls") == 0) {
        return ls(words[count - 1]);
    }
    if (strcmp(name, "hostname") == 0) {
        puts(getenv("HOSTNAME") ? getenv("HOSTNAME") : "");
        return 0;
    }
    fprintf(stderr, "box: %s is not one of sh, top, sleep, echo, cat, ls, hostname\n", name);
    return 127;
}

int main(int argc, char **argv)
{
    return argc > 0 ? run(argv, argc) : 2;
}
