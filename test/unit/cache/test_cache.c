/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "runtime/cache/cache.h"

static char folder[64];
static struct cache *cache;
static struct fault why;

static void path_of(const char *name, char ret[512])
{
    (void)snprintf(ret, 512, "%s/%s", folder, name);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/skep-cache-XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    return cache_open(folder, 1000, &cache, &why);
}

static size_t files(void)
{
    DIR *stream = opendir(folder);
    size_t count = 0;
    struct dirent *item;

    assert_non_null(stream);
    while ((void)(item = readdir(stream)), item) {
        count += item->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(stream);
    return count;
}

static int tear_down(void **state)
{
    DIR *stream = opendir(folder);
    struct dirent *item;

    (void)state;
    while ((void)(item = readdir(stream)), item) {
        (void)unlinkat(dirfd(stream), item->d_name, 0);
    }
    (void)closedir(stream);
    cache = cache_close(cache);
    return rmdir(folder);
}

static void key_of(const char *component, char ret[CACHE_KEY_ROOM])
{
    cache_key(component, "identity", ret);
}

/* Admits an entry with @size bytes of code. */
static void admit(const char *component, size_t size, struct cache_entry *ret)
{
    struct cache_draft draft = {.code = -1, .description = -1};
    char key[CACHE_KEY_ROOM];
    char *code = NEW_ARRAY(size, char);

    memset(code, 'c', size);
    key_of(component, key);
    assert_int_equal(cache_draft(cache, key, &draft, &why), 0);
    assert_int_equal(fs_write_all(draft.code, code, size), 0);
    assert_int_equal(fs_write_all(draft.description, "{}", 2), 0);
    assert_int_equal(cache_admit(cache, key, &draft, ret, &why), 0);
    free(code);
}

static int find(const char *component, struct cache_entry *ret)
{
    char key[CACHE_KEY_ROOM];

    key_of(component, key);
    return cache_find(cache, key, ret, &why);
}

/* Last use: @hours ago. */
static void age(const char *component, const char *suffix, int hours)
{
    char key[CACHE_KEY_ROOM];
    char path[512];
    char name[128];
    const struct timespec when[2] = {{.tv_sec = time(NULL) - hours * 3600L},
                                     {.tv_sec = time(NULL) - hours * 3600L}};

    key_of(component, key);
    (void)snprintf(name, sizeof(name), "%s%s", key, suffix);
    path_of(name, path);
    assert_int_equal(utimensat(AT_FDCWD, path, when, 0), 0);
}

static void what_was_admitted_is_found(void **state)
{
    struct cache_entry entry = {.code = -1};
    struct cache_entry again = {.code = -1};
    char bytes[4] = "";

    (void)state;
    assert_int_equal(find("a", &entry), CACHE_MISSING);
    admit("a", 3, &entry);
    assert_int_equal(find("a", &again), CACHE_FOUND);
    assert_string_equal(again.description, "{}");
    assert_int_equal(pread(again.code, bytes, 3, 0), 3);
    assert_string_equal(bytes, "ccc");
    assert_int_equal(fcntl(again.code, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(files(), 3);
    cache_entry_fini(&entry);
    cache_entry_fini(&again);
}

static void a_draft_that_is_not_admitted_leaves_nothing(void **state)
{
    struct cache_draft draft = {.code = -1, .description = -1};
    char key[CACHE_KEY_ROOM];

    (void)state;
    key_of("a", key);
    assert_int_equal(cache_draft(cache, key, &draft, &why), 0);
    assert_int_equal(files(), 1);
    cache_draft_fini(cache, &draft);
    cache_draft_fini(cache, &draft);
    assert_int_equal(files(), 0);
}

static void write_over(const char *component, const char *suffix, const char *bytes)
{
    char key[CACHE_KEY_ROOM];
    char path[512];
    char name[128];
    int fd;

    key_of(component, key);
    (void)snprintf(name, sizeof(name), "%s%s", key, suffix);
    path_of(name, path);
    (void)chmod(path, 0600);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, bytes, strlen(bytes)), 0);
    (void)close(fd);
}

static void a_changed_byte_makes_an_entry_missing_and_removes_it(void **state)
{
    static const char *const suffixes[] = {".cwasm", ".json", ".sum"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        struct cache_entry entry = {.code = -1};

        admit("a", 3, &entry);
        cache_entry_fini(&entry);
        write_over("a", suffixes[i], "x");
        if (i == 0) { /* seen by a process that has not checked it yet */
            age("a", ".cwasm", 1);
        }
        assert_int_equal(find("a", &entry), CACHE_MISSING);
        assert_int_equal(files(), 0);
    }
}

static void a_digest_is_checked_once_in_a_process(void **state)
{
    struct cache_entry entry = {.code = -1};
    struct stat before;
    struct stat after;
    struct timespec when[2];

    (void)state;
    admit("a", 3, &entry);
    assert_int_equal(fstat(entry.code, &before), 0);
    cache_entry_fini(&entry);
    /* The same file to all appearance: only a second check would notice. */
    write_over("a", ".cwasm", "x");
    when[0] = before.st_atim;
    when[1] = before.st_mtim;
    {
        char key[CACHE_KEY_ROOM];
        char path[512];
        char name[128];

        key_of("a", key);
        (void)snprintf(name, sizeof(name), "%s.cwasm", key);
        path_of(name, path);
        assert_int_equal(utimensat(AT_FDCWD, path, when, 0), 0);
    }
    assert_int_equal(find("a", &entry), CACHE_FOUND);
    assert_int_equal(fstat(entry.code, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    cache_entry_fini(&entry);
    /* A new process checks. */
    cache = cache_close(cache);
    assert_int_equal(cache_open(folder, 1000, &cache, &why), 0);
    assert_int_equal(find("a", &entry), CACHE_MISSING);
}

static void of_two_that_admit_the_same_the_first_stays(void **state)
{
    struct cache_entry first = {.code = -1};
    struct cache_entry second = {.code = -1};
    struct stat a;
    struct stat b;

    (void)state;
    admit("a", 3, &first);
    admit("a", 3, &second);
    assert_int_equal(fstat(first.code, &a), 0);
    assert_int_equal(fstat(second.code, &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_equal(files(), 3);
    cache_entry_fini(&first);
    cache_entry_fini(&second);
}

static void a_sweep_removes_what_was_used_longest_ago(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    struct cache_entry entry = {.code = -1};

    (void)state;
    for (int i = 0; i < 3; i++) {
        admit(names[i], 300, &entry);
        cache_entry_fini(&entry);
        age(names[i], ".cwasm", 10 - i);
    }
    assert_true(cache_sweep(cache) > 300);
    assert_int_equal(find("a", &entry), CACHE_MISSING);
    assert_int_equal(find("b", &entry), CACHE_MISSING);
    assert_int_equal(find("c", &entry), CACHE_FOUND);
    cache_entry_fini(&entry);
    assert_int_equal(files(), 3);
}

static void a_sweep_leaves_what_is_in_use(void **state)
{
    struct cache_entry used = {.code = -1};
    struct cache_entry entry = {.code = -1};
    int copy;

    (void)state;
    admit("a", 600, &used);
    age("a", ".cwasm", 10);
    admit("b", 600, &entry);
    cache_entry_fini(&entry);
    copy = fd_duplicate(used.code); /* as a worker would hold it */
    cache_entry_fini(&used);
    assert_true(cache_sweep(cache) > 0);
    assert_int_equal(find("b", &entry), CACHE_MISSING);
    assert_int_equal(find("a", &entry), CACHE_FOUND);
    cache_entry_fini(&entry);
    (void)close(copy);
}

static void a_sweep_removes_what_crashes_left(void **state)
{
    struct cache_draft draft = {.code = -1, .description = -1};
    struct cache_entry entry = {.code = -1};
    char key[CACHE_KEY_ROOM];
    char path[512];
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    (void)state;
    admit("b", 30, &entry);
    cache_entry_fini(&entry);
    age("b", ".json", 20); /* old, but it belongs to an entry */
    key_of("a", key);
    assert_int_equal(cache_draft(cache, key, &draft, &why), 0);
    path_of(draft.name, path);
    assert_int_equal(cache_sweep(cache), 0);
    assert_int_equal(files(), 4);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    (void)cache_sweep(cache);
    assert_int_equal(files(), 3);
    draft.name[0] = '\0';
    cache_draft_fini(cache, &draft);
}

static void a_folder_that_others_may_write_to_is_refused(void **state)
{
    struct cache *other = NULL;

    (void)state;
    assert_int_equal(chmod(folder, 0770), 0);
    assert_true(cache_open(folder, 0, &other, &why) < 0);
    assert_int_equal(why.kind, FAULT_DENIED);
    assert_non_null(strstr(why.text, "others may write to it"));
    assert_true(cache_open("relative", 0, &other, &why) < 0);
    assert_null(other);
}

static void keys_depend_on_component_and_compiler(void **state)
{
    char a[CACHE_KEY_ROOM];
    char b[CACHE_KEY_ROOM];
    char expected[DIGEST_HEX_ROOM];

    (void)state;
    cache_key("a", "one", a);
    cache_key("a", "two", b);
    assert_string_not_equal(a, b);
    digest_bytes("a\none", 5, expected);
    assert_string_equal(a, expected);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_admitted_is_found),
        CASE(a_draft_that_is_not_admitted_leaves_nothing),
        CASE(a_changed_byte_makes_an_entry_missing_and_removes_it),
        CASE(a_digest_is_checked_once_in_a_process),
        CASE(of_two_that_admit_the_same_the_first_stays),
        CASE(a_sweep_removes_what_was_used_longest_ago),
        CASE(a_sweep_leaves_what_is_in_use),
        CASE(a_sweep_removes_what_crashes_left),
        CASE(a_folder_that_others_may_write_to_is_refused),
        CASE(keys_depend_on_component_and_compiler),
    };

    log_open(-1, "test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
