/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "k8s/installer/tree.h"
#include "k8s/onefile/payload.h"

static char folder[] = "/tmp/skep-payload-XXXXXX";

/* The sum of all bytes, those of the sum itself taken as blanks. */
static void put_sum(char block[512])
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++) {
        sum += (unsigned char)block[i];
    }
    (void)snprintf(block + 148, 8, "%06o", sum);
}

/* A member of a tar, and its bytes. */
static void put_member(struct buf *tar, const char *name, char type, const char *content)
{
    char block[512] = {0};
    size_t length = type == '0' ? strlen(content) : 0;

    (void)snprintf(block, 100, "%s", name);
    (void)snprintf(block + 100, 8, "%07o", 0751);
    (void)snprintf(block + 124, 12, "%011zo", length);
    block[156] = type;
    if (type == '2') {
        (void)snprintf(block + 157, 100, "%s", content);
    }
    put_sum(block);
    buf_put(tar, block, sizeof(block));
    if (length > 0) {
        char padded[512] = {0};

        memcpy(padded, content, length);
        buf_put(tar, padded, sizeof(padded));
    }
}

/* "program", a tar, a trailer; @off is added to the offset that the trailer says. */
static int make_file(const struct buf *tar, uint64_t off, const char *target)
{
    AUTO(buf_fini) struct buf file = BUF(1 << 20);
    char where[PAYLOAD_FOLDER_ROOM] = {0};
    int fd = fs_memory_new("payload");

    buf_put(&file, "program", 7);
    buf_put(&file, tar->data, tar->length);
    buf_put(&file, "SKEPTAR1", 8);
    buf_put_le64(&file, 7 + off);
    buf_put_le64(&file, tar->length);
    (void)snprintf(where, sizeof(where), "%s", target);
    buf_put(&file, where, sizeof(where));
    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, file.data, file.length), 0);
    return fd;
}

static const char *target(void)
{
    static char path[200];

    (void)snprintf(path, sizeof(path), "%s/versions/a", folder);
    return path;
}

static void put_good(struct buf *tar)
{
    put_member(tar, "bin", '5', "");
    put_member(tar, "bin/shim", '0', "bytes of a program");
    put_member(tar, "bin/shim-shared", '2', "shim");
    put_member(tar, "empty", '0', "");
    buf_put(tar, (const char[512]){0}, 512);
}

static int setup(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fault why = {0};

    (void)state;
    return tree_remove(AT_FDCWD, folder, &why);
}

static void it_is_unpacked_once(void **state)
{
    AUTO(buf_fini) struct buf tar = BUF(1 << 20);
    AUTO(buf_fini) struct buf bytes = BUF(4096);
    AUTO(fd_close) int fd = -1;
    struct payload payload;
    struct fault why = {0};
    struct stat about;
    char path[300];

    (void)state;
    put_good(&tar);
    fd = make_file(&tar, 0, target());
    assert_int_equal(payload_find(fd, &payload, &why), 0);
    assert_string_equal(payload.folder, target());
    (void)snprintf(path, sizeof(path), "%s/versions/.a.new/bin", folder);
    assert_int_equal(fs_make_folders(path, 0755), 0); /* left by a call that was killed */
    assert_int_equal(payload_unpack(fd, &payload, &why), 0);
    (void)snprintf(path, sizeof(path), "%s/bin/shim-shared", target());
    assert_int_equal(fs_read_small(AT_FDCWD, path, &bytes, &why), 0);
    assert_int_equal(bytes.length, strlen("bytes of a program"));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0751);
    (void)snprintf(path, sizeof(path), "%s/empty", target());
    assert_int_equal(unlink(path), 0);
    assert_int_equal(payload_unpack(fd, &payload, &why), 0);
    assert_true(access(path, F_OK) < 0);
}

static void several_at_once_are_one(void **state)
{
    AUTO(buf_fini) struct buf tar = BUF(1 << 20);
    AUTO(fd_close) int fd = -1;
    struct payload payload;
    struct fault why = {0};

    (void)state;
    put_good(&tar);
    fd = make_file(&tar, 0, target());
    assert_int_equal(payload_find(fd, &payload, &why), 0);
    for (int i = 0; i < 8; i++) {
        if (fork() == 0) {
            _exit(payload_unpack(fd, &payload, &why) < 0);
        }
    }
    for (int i = 0; i < 8; i++) {
        int status = 1;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

static void a_bad_tar_makes_no_folder(void **state)
{
    static const struct row {
        const char *name;
        char type;
        const char *words;
    } rows[] = {
        {"../out", '0', "not understood"},
        {"/etc/passwd", '0', "not understood"},
        {"bin/../../out", '0', "not understood"},
        {"pipe", '6', "not understood"},
        {"nowhere/file", '0', "unpack nowhere/file"},
        {"bin/shim", '0', "unpack bin/shim"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(buf_fini) struct buf tar = BUF(1 << 20);
        AUTO(fd_close) int fd = -1;
        struct payload payload;
        struct fault why = {0};

        put_member(&tar, "bin", '5', "");
        put_member(&tar, "bin/shim", '0', "one");
        put_member(&tar, rows[i].name, rows[i].type, "two");
        fd = make_file(&tar, 0, target());
        assert_int_equal(payload_find(fd, &payload, &why), 0);
        assert_true(payload_unpack(fd, &payload, &why) < 0);
        assert_non_null(strstr(why.text, rows[i].words));
        assert_true(access(target(), F_OK) < 0);
    }
}

static void a_member_ends_in_the_tar(void **state)
{
    AUTO(buf_fini) struct buf tar = BUF(1 << 20);
    AUTO(fd_close) int fd = -1;
    struct payload payload;
    struct fault why = {0};

    (void)state;
    put_member(&tar, "file", '0', "text");
    tar.length -= 512; /* without its bytes */
    fd = make_file(&tar, 0, target());
    assert_int_equal(payload_find(fd, &payload, &why), 0);
    assert_true(payload_unpack(fd, &payload, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
}

static void a_trailer_must_fit(void **state)
{
    static const struct row {
        uint64_t off;
        const char *folder;
    } rows[] = {{1, "/a/b"}, {UINT64_MAX, "/a/b"}, {0, "a/b"},
                {0, "/b"},   {0, "/a/"},           {0, "/a/../b"}};
    AUTO(buf_fini) struct buf tar = BUF(1 << 20);
    AUTO(fd_close) int empty = fs_memory_new("empty");
    struct payload payload;
    struct fault why = {0};

    (void)state;
    put_good(&tar);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(fd_close) int fd = make_file(&tar, rows[i].off, rows[i].folder);

        assert_true(payload_find(fd, &payload, &why) < 0);
        assert_int_equal(why.kind, FAULT_INVALID);
    }
    assert_true(payload_find(empty, &payload, &why) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_unpacked_once, setup, teardown),
        cmocka_unit_test_setup_teardown(several_at_once_are_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_tar_makes_no_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_ends_in_the_tar, setup, teardown),
        cmocka_unit_test(a_trailer_must_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
