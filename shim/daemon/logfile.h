/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log file of skepd: one file, and one before it, so that a node's disk is safe from it.
 *
 * Belongs here: opening and turning over. Does not belong here: lines (base/log).
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

struct fault;
struct logfile;
struct loop;

enum { LOGFILE_BYTES_MAX = 8 * 1024 * 1024 };

/**
 * logfile_open() - from now on, log lines and descriptor 2 go to FOLDER/skepd.log
 * @loop:   looks now and then whether it passed LOGFILE_BYTES_MAX; borrowed
 * @folder: absolute path
 * @debug:  write debug lines as well
 * @ret:    the log
 * @why:    the reason
 *
 * The file before it is FOLDER/skepd.log.1. Return: 0 or negative.
 */
int logfile_open(struct loop *loop, const char *folder, bool debug, own struct logfile **ret,
                 struct fault *why) MUST_USE;
/* Log lines go nowhere afterwards. NULL in, NULL out. */
struct logfile *logfile_close(own struct logfile *logfile);
DEFINE_AUTO(struct logfile *, logfile_close)

/* Turns over if it is time; the timer does so by itself. */
void logfile_look(void *logfile);
