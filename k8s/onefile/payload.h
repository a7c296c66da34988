/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload at the end of a program's own file: an installation of Skep as a tar, and where it goes.
 *
 *   program | tar | struct trailer
 *
 * Belongs here: finding it, unpacking it once. Does not belong here: who makes it
 * (tools/installer-image).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct fault;

enum {
    PAYLOAD_FOLDER_ROOM = 232,
    PAYLOAD_FILE_MAX = 512 * 1024 * 1024, /* bytes of one file in it */
    PAYLOAD_FILES_MAX = 4096,
};

struct payload {
    uint64_t offset; /* of the tar in the file */
    uint64_t length;
    char folder[PAYLOAD_FOLDER_ROOM]; /* absolute: where its programs expect to be */
};

/**
 * payload_find() - read the trailer of a file
 * @fd:  the file
 * @ret: the payload
 * @why: FAULT_INVALID: there is none, or it does not fit the file
 *
 * Return: 0 or negative. Thread: any.
 */
int payload_find(int fd, struct payload *ret, struct fault *why) MUST_USE;

/**
 * payload_unpack() - see that its folder is there, whole
 * @fd:      the file
 * @payload: found in it
 * @why:     the reason
 *
 * Several at once wait for one; what a killed one left is removed. The folder appears by rename.
 *
 * Return: 0 or negative. Thread: any.
 */
int payload_unpack(int fd, const struct payload *payload, struct fault *why) MUST_USE;
