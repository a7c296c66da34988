/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unzipping: a layer as it was before gzip; the only user of zlib.
 *
 * Belongs here: RFC 1952 with a ceiling on what comes out.
 * Does not belong here: what is inside (oci/unpack).
 */
#pragma once

#include "base/bytes.h"

struct fault;

/**
 * gunzip() - unpack a whole gzip file
 * @packed: its bytes; several members behind each other are one file
 * @max:    most bytes that may come out: a bomb ends as FAULT_LIMIT
 * @file:   appended
 * @why:    FAULT_INVALID when it is damaged or cut short
 *
 * Blocks. Return: 0 or negative. Thread: any.
 */
int gunzip(struct cursor packed, uint64_t max, int file, struct fault *why) MUST_USE;
