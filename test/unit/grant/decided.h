/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of decide(): a spec given as JSON, decided. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/text.h"
#include "runtime/grant/decide.h"
#include "runtime/spec/spec.h"

/* Namespaces as containerd asks for by default. */
#define USUAL "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"network\"}]"

/* A container whose only folder is what @mounts says. */
#define WITH_MOUNTS(mounts) "{\"process\":{\"args\":[\"a\"]},\"mounts\":[" mounts "]}"

UNUSED static int decided(const char *json, const struct decide_input *input, struct grant **ret,
                          struct fault *why)
{
    AUTO(spec_free) struct spec *spec = NULL;

    if (spec_parse(text_of(json), &spec, why) < 0) {
        fail_msg("%s", why->text);
    }
    return decide(spec, input, ret, why);
}

UNUSED static struct grant *granted(const char *json, const struct decide_input *input)
{
    struct grant *grant = NULL;
    struct fault why = {0};

    if (decided(json, input, &grant, &why) < 0) {
        fail_msg("%s", why.text);
    }
    return grant;
}

UNUSED static void assert_refused(const char *json, const struct decide_input *input,
                                  enum fault_kind kind, const char *sentence)
{
    struct grant *grant = NULL;
    struct fault why = {0};

    assert_true(decided(json, input, &grant, &why) < 0);
    assert_null(grant);
    assert_string_equal(why.text, sentence);
    assert_int_equal(why.kind, kind);
}

UNUSED static bool is_ignored(const struct grant *grant, const char *words)
{
    for (size_t i = 0; i < grant->ignored_count; i++) {
        if (strcmp(grant->ignored[i], words) == 0) {
            return true;
        }
    }
    return false;
}
