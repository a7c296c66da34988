/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a privileged program of ours keeps of root: skepd, for as long as it lives.
 *
 * Belongs here: giving up the rest. Does not belong here: unprivileged programs (sandbox.h).
 */
#pragma once

#include "base/attr.h"

struct fault;

/**
 * rights_keep() - give up every capability but those of rights.def, and new privileges
 * @why: the reason
 *
 * Of the bounding, permitted, effective, inheritable and ambient sets; what it has not is no error.
 * Without effect on the capabilities of somebody who is not root. Call with one thread.
 *
 * Return: 0 or negative.
 */
int rights_keep(struct fault *why) MUST_USE;
