/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status: a fault as google.rpc.Status, and a Status of somebody else as a fault.
 *
 * containerd classifies errors by the code alone; people read "<detail>: <class text>".
 * Belongs here: that mapping. Does not belong here: choosing a kind (whoever fails does).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"

enum { STATUS_TEXT_MAX = FAULT_TEXT_MAX + 32 };

/**
 * status_text() - the sentence that containerd shows
 * @why: the failure
 * @ret: "<text>: <class text>"; the class text is not repeated when the text ends with it;
 *       bytes that are no printable UTF-8 become '?', since a status must be valid text
 */
void status_text(const struct fault *why, char ret[STATUS_TEXT_MAX]);

/**
 * status_fault() - what somebody else's status says
 * @code:    google.rpc.Code, not 0
 * @message: its text, may be empty; cut when longer than a fault
 * @ret:     kind by @code (FAULT_SYSTEM for codes without a kind) and text
 */
void status_fault(int32_t code, const char *message, struct fault *ret);
