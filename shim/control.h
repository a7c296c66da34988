/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: what the launcher asks of skepd.
 *
 * One SOCK_SEQPACKET connection a launcher, one request, one answer. A request is the verb's
 * letter, then texts, each ended by a NUL byte, in the order given. An answer is a letter, then
 * one text ended by NUL.
 *
 * Belongs here: the words both sides share; this header includes nothing of ours, because the
 * launcher is libc only.
 */
#pragma once

enum {
    CONTROL_START = 's',  /* namespace, id, bundle, gRPC address, ttrpc address */
    CONTROL_DELETE = 'd', /* namespace, id, bundle */
    CONTROL_INFO = 'i',   /* nothing */

    CONTROL_OURS = 'o',   /* START: the address to print, "unix:///…" */
    CONTROL_NATIVE = 'n', /* START: no Wasm in its image; hand over to the runc shim */
    CONTROL_DELETED = 'x', /* DELETE: "pid exit_status seconds nanos", decimal */
    CONTROL_TOLD = 't',   /* INFO: one line: version, pid, tasks */
    CONTROL_REFUSED = 'r', /* any: a sentence */

    CONTROL_BYTES_MAX = 16384, /* of a request or an answer */
};
