/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of a network: whom a component may reach.
 *
 * Belongs here: whether a text is a rule. Does not belong here: enforcing it (runtime/engine).
 */
#pragma once

#include "base/attr.h"

struct fault;

enum { REACH_RULES_MAX = 256, REACH_RULE_BYTES = 300 };

/**
 * reach_parse() - read an allow list
 * @list: rules with commas or white space between them: host:port, CIDR, CIDR:port, *.suffix,
 *        *.suffix:port; IPv6 with a port in brackets
 * @ret:  the same, one a line
 * @why:  FAULT_INVALID naming the wrong rule, FAULT_LIMIT if there are too many
 *
 * Return: 0 or negative. Thread: any.
 */
int reach_parse(const char *list, own char **ret, struct fault *why) MUST_USE;
