/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files of a bundle: whole reads and replacements, in libc only.
 *
 * Belongs here: reading up to a maximum, writing by rename, and ending with a sentence.
 * Does not belong here: what is in them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CONFIG_BYTES_MAX = 8 * 1024 * 1024, SMALL_BYTES_MAX = 4096 };

/**
 * file_read() - a whole file
 * @path: the file
 * @max:  most bytes; a longer file is not read
 * @ret:  its bytes and a NUL behind them, for free()
 *
 * Return: bytes without the NUL, or -1 with errno (EFBIG: longer than @max).
 */
ssize_t file_read(const char *path, size_t max, char **ret);

/**
 * file_write() - write or replace a file by temporary name and rename
 * @path: the file, in a folder that is ours to write
 * @text: its bytes
 * @length: how many
 * @mode: permission bits
 *
 * Return: 0, or -1 with errno.
 */
int file_write(const char *path, const char *text, size_t length, mode_t mode);

/**
 * die() - say why on stderr, where containerd reads it, and end with status 1
 * @format: one sentence
 */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
