/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/engine/pair.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void pair_prepare(struct pair *pair, const char *const *args)
{
    int out[2];
    int err[2];

    house_prepare(&pair->task, args);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    pair->part = (struct engine_part){
        .name = "other", .input = -1, .output = out[1], .error = err[1]};
    pair->output = out[0];
    pair->error = err[0];
    pair->task.grant.part_count = 1;
    pair->task.grant.parts = &pair->part;
}

void pair_say(struct pair *pair, const char *const *args)
{
    pair->part.args = args;
    pair->part.arg_count = 0;
    while (args[pair->part.arg_count] != NULL) {
        pair->part.arg_count++;
    }
}

void pair_done(struct pair *pair)
{
    house_done(&pair->task);
    (void)close(pair->output);
    (void)close(pair->error);
}

int pair_folder(char path[PAIR_PATH], const char *name, const char *text)
{
    int dir = -1;
    int file = -1;

    (void)snprintf(path, PAIR_PATH, "/tmp/skep-parts-XXXXXX");
    assert_non_null(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    file = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    (void)close(file);
    return dir;
}

void pair_folder_remove(const char *path, const char *name)
{
    char file[PAIR_PATH + 32];

    (void)snprintf(file, sizeof(file), "%s/%s", path, name);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(path), 0);
}
