/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log: one event, one line: time, level, a constant phrase to search for, then fields.
 *
 * A line is written once, where a failure stops travelling: shim/, runtime/worker, cli, k8s.
 * Belongs here: the line and its sink. Does not belong here: what a container prints.
 */
#pragma once

#include "base/attr.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/**
 * log_open() - choose the sink; before that, lines go to stderr
 * @fd:      where lines go; borrowed, must stay open; -1 for nowhere
 * @program: name in every line; static text
 * @level:   the least level that is written
 */
void log_open(int fd, const char *program, enum log_level level);

/**
 * log_line() - write one line, cut at 1 KiB, control bytes replaced; never blocks on a full pipe
 * @level:  its level
 * @phrase: constant words, "task started"
 * @format: fields: "id=%s pid=%d"; "" for none
 *
 * Thread: any; a line is one write(2).
 */
void log_line(enum log_level level, const char *phrase, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_debug(phrase, ...) log_line(LOG_LEVEL_DEBUG, (phrase), __VA_ARGS__)
#define log_info(phrase, ...) log_line(LOG_LEVEL_INFO, (phrase), __VA_ARGS__)
#define log_warn(phrase, ...) log_line(LOG_LEVEL_WARN, (phrase), __VA_ARGS__)
#define log_error(phrase, ...) log_line(LOG_LEVEL_ERROR, (phrase), __VA_ARGS__)
