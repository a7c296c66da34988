/* SPDX-License-Identifier: Apache-2.0 */
/* Varints and length-prefixed fields; every size is known to fit by the limits in the header. */
#include "shim/launcher/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_number(uint8_t *at, unsigned field, uint64_t value)
{
    return value == 0 ? at : put_varint(put_varint(at, field << 3), value);
}

static uint8_t *put_bytes(uint8_t *at, unsigned field, const void *bytes, size_t length)
{
    at = put_varint(put_varint(at, field << 3 | 2), length);
    memcpy(at, bytes, length);
    return at + length;
}

static uint8_t *put_text(uint8_t *at, unsigned field, const char *text)
{
    size_t length = strlen(text);

    return put_bytes(at, field, text, length < 100 ? length : 100);
}

void wire_read_deleted(const char *text, struct wire_deleted *ret)
{
    struct wire_deleted read = {0};

    if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &read.pid, &read.status,
               &read.seconds, &read.nanos) == 4) {
        *ret = read;
    }
}

size_t wire_print_deleted(const struct wire_deleted *deleted, uint8_t *ret)
{
    uint8_t stamp[32];
    uint8_t *end = put_number(put_number(stamp, 1, deleted->seconds), 2, deleted->nanos);
    uint8_t *at = put_number(put_number(ret, 1, deleted->pid), 2, deleted->status);

    return (size_t)(put_bytes(at, 3, stamp, (size_t)(end - stamp)) - ret);
}

/*
 * What kubelets are told of the handler: a mount is read-only with all below it (runtime/broker), and
 * runc does the same for what is handed to it. Not user namespaces: the pod has no process for one.
 */
#define FEATURES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/features/Features"
#define FEATURES                                                                                   \
    "{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.2.0\",\"mountOptions\":[\"ro\",\"rro\",\"rw\"]}"

size_t wire_print_info(const char *name, const char *version, const char *revision, uint8_t *ret)
{
    uint8_t numbers[256];
    uint8_t features[256];
    uint8_t *numbers_end = put_text(put_text(numbers, 1, version), 2, revision);
    uint8_t *features_end = put_text(put_text(features, 1, FEATURES_TYPE), 2, FEATURES);
    uint8_t *at = put_text(ret, 1, name);

    at = put_bytes(at, 2, numbers, (size_t)(numbers_end - numbers));
    return (size_t)(put_bytes(at, 4, features, (size_t)(features_end - features)) - ret);
}

size_t wire_print_shutdown(const char *version, const char *namespace_id, const char *id,
                           uint8_t *ret)
{
    char service[64];
    uint8_t inner[256];
    uint8_t *at = ret + 10;
    uint8_t *end = NULL;
    size_t length;

    (void)snprintf(service, sizeof(service), "containerd.task.%.8s.Task", version);
    at = put_text(put_text(at, 1, service), 2, "Shutdown");
    end = put_text(inner, 1, id);
    at = put_bytes(at, 3, inner, (size_t)(end - inner));
    end = put_text(put_text(inner, 1, "containerd-namespace-ttrpc"), 2, namespace_id);
    at = put_bytes(at, 5, inner, (size_t)(end - inner));
    /* The frame's head: length, stream 1, type request, no flags. */
    length = (size_t)(at - ret) - 10;
    memset(ret, 0, 10);
    ret[2] = (uint8_t)(length >> 8);
    ret[3] = (uint8_t)length;
    ret[7] = 1;
    ret[8] = 1;
    return length + 10;
}
