/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question at the window: the head of an HTTP request that only asks to read.
 *
 * Belongs here: its few words. Does not belong here: sockets and answers (window.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct text;

enum { QUESTION_BYTES_MAX = 4096 };

enum question_answer {
    QUESTION_READY,
    QUESTION_SHORT,  /* more is to come */
    QUESTION_LONG,   /* no head ends within QUESTION_BYTES_MAX */
    QUESTION_BROKEN, /* no HTTP */
    QUESTION_METHOD, /* something else than GET */
    QUESTION_PATH,   /* nothing is there */
};

enum question_what { QUESTION_METRICS, QUESTION_CONTAINERS };

struct question {
    enum question_what what;
    bool takes_chunks; /* HTTP/1.1: can tell an answer that was cut off from a whole one */
};

/**
 * question_read() - read what has come so far
 * @bytes: from the start of the connection
 * @ret:   the question, if QUESTION_READY
 *
 * Return: one of enum question_answer. Thread: any.
 */
enum question_answer question_read(struct text bytes, struct question *ret);
