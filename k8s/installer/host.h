/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's root: its files and its programs, from inside of a container or on the node itself.
 *
 * Belongs here: paths as the node sees them, whole files, running a program there with a time limit.
 * Does not belong here: which files and programs (install, programs).
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/bytes.h"

struct fault;

enum {
    HOST_FILE_MAX = 4 * 1024 * 1024,
    HOST_OUT_MAX = 4 * 1024 * 1024,
    HOST_ERR_MAX = 16 * 1024,
    HOST_PATH_ROOM = 4096,
};

struct host {
    const char *root; /* as given; "/": we are on the node itself */
    bool is_here;
    int dir; /* of root */
};

int host_open(const char *root, struct host *ret, struct fault *why) MUST_USE;
void host_close(struct host *host);

/* A file's bytes, and what else has to stay the same when it is written again. */
struct host_file {
    struct buf bytes;
    mode_t mode;
    uid_t user;
    gid_t group;
};
void host_file_fini(struct host_file *file);
UNUSED static inline void host_file_fini_auto(struct host_file *held)
{
    host_file_fini(held);
}
#define HOST_FILE ((struct host_file){.bytes = BUF(HOST_FILE_MAX), .mode = 0644})

enum host_answer { HOST_THERE, HOST_ABSENT };

/**
 * host_read() - a whole file of the node
 * @host: the node
 * @path: absolute, as the node sees it
 * @ret:  the file; emptied when it is absent
 * @why:  FAULT_UNSUPPORTED: the path is a link, which a replacement would put an end to
 *
 * Return: enum host_answer, or negative.
 */
int host_read(const struct host *host, const char *path, struct host_file *ret,
              struct fault *why) MUST_USE;

/**
 * host_write() - put a file in the place of another, whole or not at all
 * @host: the node
 * @path: absolute; its folder is there
 * @file: bytes, mode and owner
 * @why:  the reason
 *
 * Return: 0 or negative.
 */
int host_write(const struct host *host, const char *path, const struct host_file *file,
               struct fault *why) MUST_USE;
/* Is not there already: 0. Return: 0 or negative. */
int host_remove(const struct host *host, const char *path, struct fault *why) MUST_USE;

/**
 * host_make_folder() - one folder, if it is not there; the one that it is in is made, too
 * @host: the node
 * @path: absolute
 * @why:  the reason
 *
 * Return: 1 when it was made, 0 when it was there, or negative.
 */
int host_make_folder(const struct host *host, const char *path, struct fault *why) MUST_USE;

/* An empty folder. Return: 0 or negative. */
int host_remove_folder(const struct host *host, const char *path, struct fault *why) MUST_USE;

/* What a program prints on stdout, and on stderr. */
struct host_words {
    struct buf out;
    struct buf err;
};
void host_words_fini(struct host_words *words);
UNUSED static inline void host_words_fini_auto(struct host_words *held)
{
    host_words_fini(held);
}
#define HOST_WORDS ((struct host_words){.out = BUF(HOST_OUT_MAX), .err = BUF(HOST_ERR_MAX)})
/* The last line of what it says on stderr, else on stdout, without its end; for a sentence. */
struct text host_words_last(const struct host_words *words);

/**
 * host_run() - a program of the node, in its root, until it ends
 * @host:    the node
 * @argv:    the first is absolute or is looked for where programs are; ended by NULL
 * @seconds: after which it is killed (FAULT_TIMEOUT)
 * @ret:     emptied; what it prints, each cut at its maximum
 * @why:     the reason; a program that ends by a signal is one
 *
 * Return: its exit status, 0 to 255, or negative.
 */
int host_run(const struct host *host, const char *const *argv, int seconds, struct host_words *ret,
             struct fault *why) MUST_USE;
