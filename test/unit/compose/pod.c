/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pod.h"

#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/compose/recipe.h"

enum { WORDS_MAX = 256 * 1024 };

static const struct node *list_of(struct pod *pod, const char *words, bool without_host)
{
    AUTO(buf_fini) struct buf json = BUF(WORDS_MAX);
    struct fault why = {0};
    size_t length;
    bool is_first = true;

    buf_print(&json, "[");
    for (; words && *words != '\0'; words += length + (words[length] == ' ')) {
        length = strcspn(words, " ");
        if (!without_host || strncmp(words, "wasi:", 5) != 0) {
            buf_print(&json, "%s", is_first ? "" : ",");
            buf_put_json(&json, (struct text){words, length});
            is_first = false;
        }
    }
    buf_print(&json, "]");
    assert_int_equal(node_parse((struct text){(const char *)json.data, json.length}, "names", WORDS_MAX,
                                &pod->nodes[pod->nodes_count], &why),
                     0);
    return pod->nodes[pod->nodes_count++];
}

own struct pod *pod_of(const struct piece *pieces, size_t count)
{
    struct pod *pod = NEW(struct pod);

    for (size_t i = 0; i < count; i++) {
        pod->candidates[i] = (struct plan_candidate){
            .name = pieces[i].name,
            .tier = pieces[i].tier,
            .digest = "D",
            .imports = list_of(pod, pieces[i].imports, false),
            .exports = list_of(pod, pieces[i].exports, false),
            .unknown = list_of(pod, pieces[i].imports, true),
        };
    }
    pod->scene.candidates = pod->candidates;
    pod->scene.count = count;
    return pod;
}

struct pod *pod_free(own struct pod *pod)
{
    if (pod) {
        for (size_t i = 0; i < pod->nodes_count; i++) {
            (void)node_free(pod->nodes[i]);
        }
        free(pod);
    }
    return NULL;
}

void pod_expect(struct pod *pod, size_t entry, const char *recipe)
{
    static const char first[] = "skep-recipe 1\n";
    AUTO(plan_free) struct plan *plan = NULL;
    AUTO(buf_fini) struct buf out = BUF(RECIPE_MAX);
    struct fault why = {0};

    if (plan_make(&pod->scene, entry, &plan, &why) < 0) {
        fail_msg("%s", why.text);
    }
    recipe_print(plan, &pod->scene, &out);
    buf_put_u8(&out, 0);
    assert_false(out.overflow);
    assert_memory_equal(out.data, first, strlen(first));
    assert_string_equal((const char *)out.data + strlen(first), recipe);
}

void pod_expect_failure(struct pod *pod, size_t entry, const char *sentence)
{
    struct plan *plan = NULL;
    struct fault why = {0};

    assert_true(plan_make(&pod->scene, entry, &plan, &why) < 0);
    assert_null(plan);
    assert_string_equal(why.text, sentence);
}
