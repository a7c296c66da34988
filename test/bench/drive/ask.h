/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a server pod over HTTP whether it is who it should be.
 *
 * Belongs here: one request, its answer. Does not belong here: load (the bench has other tools).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* GET / at 127.0.0.1:@port. Return: was it answered by 200 and a body that holds @word? */
bool ask(uint16_t port, const char *word);
