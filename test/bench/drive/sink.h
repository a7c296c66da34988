/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink: containerd's event service, which takes every event and says thank you.
 *
 * Belongs here: answering. Does not belong here: looking at what was said.
 */
#pragma once

#include <stdint.h>

/* Listens at @path and answers from a thread of its own, until the program ends. */
void sink_start(const char *path);

/* Events taken so far. Thread: any. */
uint64_t sink_taken(void);
