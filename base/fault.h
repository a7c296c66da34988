/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults: why something failed, as a value with a sentence for a human.
 *
 * Belongs here: the closed list of kinds (fault.def) and how each reads to gRPC, a shell, a person.
 * Does not belong here: logging (base/log), any decision what to do about a failure.
 */
#pragma once

#include "base/attr.h"

enum fault_kind {
    FAULT_NONE,
#define FAULT(name, grpc, exit, words) FAULT_##name,
#include "base/fault.def"
#undef FAULT
    FAULT_KINDS,
};

enum { FAULT_TEXT_MAX = 400 };

/* Lives on the stack of whoever starts a piece of work; nothing is allocated to fail. */
struct fault {
    enum fault_kind kind;
    int err; /* errno, positive, or 0 */
    char text[FAULT_TEXT_MAX];
};

/**
 * fault() - fail with a sentence
 * @why:    filled with kind and text; longer text is cut
 * @kind:   one of fault.def
 * @format: printf format of the sentence, naming the thing and the limit; no final stop
 *
 * Return: always -1, so that "return fault(...)" reads well. Thread: any.
 */
int fault(struct fault *why, enum fault_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/**
 * fault_sys() - fail because the kernel said no; the seam from negative errno to a sentence
 * @why:    filled; the text becomes "<sentence>: <strerror>"
 * @err:    negative errno, as base/ returns it
 * @format: what was tried, as an infinitive: "open %s"
 *
 * ENOENT, EEXIST, EACCES/EPERM, EMFILE/ENOMEM and the like choose the kind.
 *
 * Return: always -1. Thread: any.
 */
int fault_sys(struct fault *why, int err, const char *format, ...) PRINTF_LIKE(3, 4);

/**
 * fault_while() - add what was being done in front of a sentence that is already there
 * @why:    filled by the callee that failed
 * @format: what was being done, as an infinitive: "start %s"
 *
 * Return: always -1. Thread: any.
 */
int fault_while(struct fault *why, const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * fault_grpc() - the google.rpc.Code of a kind
 * @kind: one of fault.def, or FAULT_NONE (0, OK)
 *
 * Return: 0 to 16. Thread: any.
 */
int fault_grpc(enum fault_kind kind);

/**
 * fault_exit() - the exit status by which a command-line program reports a kind
 * @kind: one of fault.def, or FAULT_NONE (0)
 *
 * Return: 0 to 255. Thread: any.
 */
int fault_exit(enum fault_kind kind);

/**
 * fault_words() - containerd's class text of a kind ("not found")
 * @kind: one of fault.def
 *
 * Return: static text. Thread: any.
 */
const char *fault_words(enum fault_kind kind);
