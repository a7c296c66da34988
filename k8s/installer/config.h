/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's configuration: where Skep's tables go, their text, and their exact removal.
 *
 * Belongs here: decisions and text. Pure: no file is opened.
 * Does not belong here: writing (files), whether containerd likes it (install).
 */
#pragma once

#include "k8s/installer/toml.h"

struct fault;

enum { CONFIG_PATH_ROOM = 4096, CONFIG_HANDLERS_MAX = 8 };

/* Handlers by name, ended by NULL. */
extern const char *const config_handlers[];
size_t config_handlers_count(void);

enum config_way {
    CONFIG_DROP_IN, /* a file of ours, which the main file imports */
    CONFIG_BLOCK,   /* a block at the end of the main file */
    CONFIG_NEW,     /* a main file where there was none */
};

struct config_plan {
    enum config_way way;
    int64_t version;             /* of the text that is written */
    char path[CONFIG_PATH_ROOM]; /* of the file that is written */
};

struct config_question {
    const char *path;               /* of the main file, absolute */
    const struct toml_facts *facts; /* of the main file; NULL: there is none */
    int containerd;                 /* its major version */
};

/**
 * config_plan_make() - a file of our own where it is read, else the main file
 * @question: what is there
 * @ret:      what is to be written
 * @why:      FAULT_UNSUPPORTED: a version of the configuration that is not known
 *
 * containerd 1.x puts an imported table of CRI in the place of the main file's, so only 2.0 and
 * newer get a file of our own. It says the main file's version: with any other, releases of 2.x
 * forget the main file's settings.
 *
 * Return: 0 or negative. Thread: any.
 */
int config_plan_make(const struct config_question *question, struct config_plan *ret,
                     struct fault *why) MUST_USE;

/**
 * config_put_tables() - the tables of all handlers
 * @version:  of the configuration, 2 or more
 * @programs: the folder of the shims, absolute, as containerd sees it
 * @ret:      appended to
 */
void config_put_tables(int64_t version, const char *programs, struct buf *ret);

/**
 * config_add_block() - a main file with our block at its end
 * @file:  the main file, without a block of ours
 * @plan:  CONFIG_BLOCK or CONFIG_NEW
 * @programs: the folder of the shims
 * @ret:   appended to
 */
void config_add_block(struct text file, const struct config_plan *plan, const char *programs,
                      struct buf *ret);

enum config_block { CONFIG_NO_BLOCK, CONFIG_HAD_BLOCK, CONFIG_WAS_NEW };

/**
 * config_strip_block() - a main file as it was before config_add_block()
 * @file: the main file; what others have changed around the block since then stays
 * @what: its name in sentences
 * @ret:  appended to
 * @why:  FAULT_STATE: a block begins and does not end
 *
 * Return: enum config_block; CONFIG_WAS_NEW: there was no file, and nothing is left. Or negative.
 */
int config_strip_block(struct text file, const char *what, struct buf *ret,
                       struct fault *why) MUST_USE;

/**
 * config_drop_in_text() - our own file
 * @plan:        CONFIG_DROP_IN
 * @programs:    the folder of the shims
 * @made_folder: its folder was not there either: said in its first line, for its removal
 * @ret:         appended to
 */
void config_drop_in_text(const struct config_plan *plan, const char *programs, bool made_folder,
                         struct buf *ret);
/* Was the folder made for this file? */
bool config_drop_in_made_folder(struct text file);
/* Did we write this file? */
bool config_drop_in_is_ours(struct text file);

/**
 * config_major() - the major version of what "containerd --version" prints
 * @line: "containerd github.com/containerd/containerd/v2 2.1.6 …"
 * @ret:  1 to 99
 * @why:  FAULT_UNSUPPORTED, with the line
 *
 * Return: 0 or negative. Thread: any.
 */
int config_major(struct text line, int *ret, struct fault *why) MUST_USE;
