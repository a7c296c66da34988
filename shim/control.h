/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: what the launcher asks of skepd, and how it starts skepd.
 *
 * One SOCK_SEQPACKET connection a launcher, one request, one answer. A request is the verb's
 * letter, then texts, each ended by a NUL byte, in the order given. An answer is a letter, then
 * one text ended by NUL.
 *
 * skepd is started as `skepd --state FOLDER --address GRPC --ttrpc TTRPC` in a session of its own,
 * cwd "/", descriptors 0 to 2 on /dev/null, and CONTROL_READY_FD a pipe, with the launcher holding
 * FOLDER/lock meanwhile. It writes one byte '+' when both sockets listen, or '-' and a sentence
 * when it cannot, and closes the pipe. FOLDER exists and belongs to it; a daemon is for one
 * containerd, one build and one installation, so FOLDER's name is a hash of these.
 *
 * Belongs here: the words both sides share; this header includes nothing of ours, because the
 * launcher is libc only.
 */
#pragma once

enum {
    CONTROL_START = 's',  /* namespace, id, bundle, gRPC address, ttrpc address, domain mode
                            ("namespace", "node" or "pod") */
    CONTROL_DELETE = 'd', /* namespace, id, bundle */
    CONTROL_INFO = 'i',   /* nothing */

    CONTROL_OURS = 'o',   /* START: the address to print, "unix://FOLDER/task-….sock" */
    CONTROL_NATIVE = 'n', /* START: no Wasm in its image; hand over to the runc shim */
    CONTROL_DELETED = 'x', /* DELETE: "pid exit_status seconds nanos", decimal */
    CONTROL_TOLD = 't',   /* INFO: one line: version, pid, tasks */
    CONTROL_REFUSED = 'r', /* any: a sentence */

    CONTROL_BYTES_MAX = 16384, /* of a request or an answer */
    CONTROL_READY_FD = 3,
};

/* Domain modes: who shares a worker. Chosen by the name under which the launcher is called. */
#define CONTROL_DOMAIN_NAMESPACE "namespace" /* containerd-shim-skep-v2 */
#define CONTROL_DOMAIN_NODE "node"           /* containerd-shim-skep-shared-v2 */
#define CONTROL_DOMAIN_POD "pod"             /* containerd-shim-skep-isolated-v2 */

/* Files of the state folder. A task socket is "task-HASH.sock": one for each namespace of
 * containerd, because containerd 1.6 does not say which one a call is about. */
#define CONTROL_SOCKET "control.sock"
#define CONTROL_TASK_PREFIX "task-"
#define CONTROL_METRICS "metrics.sock" /* shim/daemon/window.h */
#define CONTROL_LOCK "lock"
#define CONTROL_LOG "skepd.log"
