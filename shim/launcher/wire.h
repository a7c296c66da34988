/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few protobuf messages that a launcher prints or sends, written by hand because it links
 * nothing. Field numbers: containerd api/runtime/task/v2/shim.proto, api/types/introspection.proto,
 * and ttrpc's request.proto.
 *
 * Belongs here: bytes. Does not belong here: sockets, files.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { WIRE_DELETED_MAX = 64, WIRE_INFO_MAX = 768, WIRE_SHUTDOWN_MAX = 512 };

struct wire_deleted {
    uint64_t pid;
    uint64_t status;
    uint64_t seconds;
    uint64_t nanos;
};

/* Reads "pid status seconds nanos", the daemon's answer; leaves @ret alone if it is anything else. */
void wire_read_deleted(const char *text, struct wire_deleted *ret);

/* A DeleteResponse. Return: its bytes in @ret (WIRE_DELETED_MAX). */
size_t wire_print_deleted(const struct wire_deleted *deleted, uint8_t *ret);

/* A containerd.types.RuntimeInfo; texts of at most 100 bytes. Return: its bytes in @ret
 * (WIRE_INFO_MAX). */
size_t wire_print_info(const char *name, const char *version, const char *revision, uint8_t *ret);

/* A whole ttrpc frame: Task.Shutdown{id} of service version "v2" or "v3", in a namespace; texts of at
 * most 76 bytes. Return: its bytes in @ret (WIRE_SHUTDOWN_MAX). */
size_t wire_print_shutdown(const char *version, const char *namespace_id, const char *id,
                           uint8_t *ret);
