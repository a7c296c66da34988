/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: the only ways in which the project opens, reads and replaces paths.
 *
 * Belongs here: opening beneath a folder, small whole files, atomic replacement, sealed memory.
 * Does not belong here: mounts (runtime/broker).
 */
#pragma once

#include <sys/types.h>

#include "base/bytes.h"

struct fault;

/**
 * fs_open_beneath() - open a name that somebody else chose, without leaving a folder
 * @dir:   the folder
 * @name:  relative; no component may be a symlink
 * @flags: open(2) flags; O_CLOEXEC is added
 * @mode:  for O_CREAT, else 0
 *
 * Return: descriptor or negative errno. Thread: any.
 */
int fs_open_beneath(int dir, const char *name, int flags, mode_t mode) MUST_USE;

/**
 * fs_open_in_root() - the same where symlinks are the folder's own, as if it were "/"
 * @dir:   the rootfs
 * @name:  absolute or relative path inside it
 * @flags: open(2) flags; O_CLOEXEC is added
 *
 * Return: descriptor or negative errno. Thread: any.
 */
int fs_open_in_root(int dir, const char *name, int flags) MUST_USE;

/**
 * fs_open_plain() - open a path of the node that no descriptor of ours may be reached through
 * @path:  absolute; symlinks are followed, but not those of /proc that stand for open files
 * @flags: open(2) flags; O_CLOEXEC is added; O_NOFOLLOW is about the last component, as ever
 *
 * For paths whose folders somebody else may write to: a link to /proc/self/fd/N would lead to what
 * this process holds open for others.
 *
 * Return: descriptor or negative errno. Thread: any.
 */
int fs_open_plain(const char *path, int flags) MUST_USE;

/**
 * fs_read_small() - a whole file that is expected to be small
 * @dir:  folder, or AT_FDCWD for a path that we chose
 * @name: the file
 * @ret:  emptied, then filled; its max is the limit (FAULT_LIMIT names the file)
 * @why:  the reason
 *
 * Blocks. Return: 0 or negative. Thread: any.
 */
int fs_read_small(int dir, const char *name, struct buf *ret, struct fault *why) MUST_USE;

/* The same from a descriptor, from its start; @what names it in the sentence. */
int fs_read_fd(int fd, const char *what, struct buf *ret, struct fault *why) MUST_USE;

/**
 * fs_replace() - write a file by temporary name, fsync and rename
 * @dir:    folder, or AT_FDCWD
 * @name:   its final name; readers see the old or the new bytes, never a mixture
 * @bytes:  content
 * @mode:   permission bits
 * @why:    the reason
 *
 * Blocks. Return: 0 or negative. Thread: any.
 */
int fs_replace(int dir, const char *name, struct text bytes, mode_t mode,
               struct fault *why) MUST_USE;

/**
 * fs_memory() - bytes as a sealed memfd that nobody can change any more
 * @name:   for /proc/PID/fd, at most 200 bytes
 * @bytes:  content
 * @length: bytes
 *
 * Return: descriptor at offset 0, or negative errno. Thread: any.
 */
int fs_memory(const char *name, const void *bytes, size_t length) MUST_USE;

/**
 * fs_memory_new() - an empty memfd, to be filled piece by piece
 * @name: for /proc/PID/fd, at most 200 bytes
 *
 * Return: descriptor, or negative errno. Thread: any.
 */
int fs_memory_new(const char *name) MUST_USE;

/**
 * fs_memory_seal() - nobody can change it any more; its offset is 0 again
 * @fd: from fs_memory_new()
 *
 * Return: 0 or negative errno. Thread: any.
 */
int fs_memory_seal(int fd) MUST_USE;

/**
 * fs_make_folders() - mkdir -p
 * @path: absolute; at most 4095 bytes
 * @mode: of folders that are made
 *
 * Return: 0 or negative errno. Thread: any.
 */
int fs_make_folders(const char *path, mode_t mode) MUST_USE;

/**
 * fs_write_all() - write until everything is written, for blocking descriptors
 * @fd:     where to
 * @bytes:  what
 * @length: bytes
 *
 * Return: 0 or negative errno. Thread: any.
 */
int fs_write_all(int fd, const void *bytes, size_t length) MUST_USE;
