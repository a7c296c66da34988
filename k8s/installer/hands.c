/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/installer/hands.h"

#include <string.h>

#include "base/fault.h"
#include "k8s/installer/config.h"

enum { ASK_SECONDS = 60, SAID_MAX = 220 };

static int said(const struct host_words *words, int status, const char *what, struct fault *why)
{
    struct text last = host_words_last(words);

    return fault(why, FAULT_STATE, "%s says (%d): %.*s", what, status,
                 last.length > SAID_MAX ? SAID_MAX : (int)last.length, last.at);
}

static int hands_major(void *owner, int *ret, struct fault *why)
{
    const struct hands_owner *self = owner;
    const char *const argv[] = {self->containerd, "--version", NULL};
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    int status = host_run(self->host, argv, ASK_SECONDS, &words, why);

    TRY(status);
    if (status != 0) {
        return said(&words, status, "containerd --version", why);
    }
    return config_major((struct text){(const char *)words.out.data, words.out.length}, ret, why);
}

static int hands_dump(void *owner, struct buf *ret, struct fault *why)
{
    const struct hands_owner *self = owner;
    const char *const argv[] = {self->containerd, "--config", self->config, "config", "dump", NULL};
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    int status = host_run(self->host, argv, ASK_SECONDS, &words, why);

    TRY(status);
    if (status != 0) {
        return said(&words, status, "containerd config dump", why);
    }
    ret->length = 0;
    buf_put(ret, words.out.data, words.out.length);
    return buf_check(ret, "containerd's configuration", why);
}

static int hands_restart(void *owner, struct fault *why)
{
    const struct hands_owner *self = owner;
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    AUTO(memory_free) char *line = COPY_TEXT(self->restart);
    const char *argv[HANDS_WORDS_MAX + 1] = {NULL};
    char *rest = line;
    char *word = NULL;
    size_t count = 0;
    int status;

    while ((word = strsep(&rest, " ")) != NULL) {
        if (word[0] != '\0' && count == HANDS_WORDS_MAX) {
            return fault(why, FAULT_LIMIT, "a restart's command line has at most %d words",
                         HANDS_WORDS_MAX);
        }
        if (word[0] != '\0') {
            argv[count++] = word;
        }
    }
    if (count == 0) {
        return 0;
    }
    status = host_run(self->host, argv, HANDS_RESTART_SECONDS, &words, why);
    TRY(status);
    return status == 0 ? 0 : said(&words, status, self->restart, why);
}

static int hands_loaded(void *owner, size_t *ret, struct fault *why)
{
    const struct hands_owner *self = owner;

    return cri_count_handlers(self->socket, config_handlers, ret, why);
}

static int hands_pods(void *owner, struct cri_pods *ret, struct fault *why)
{
    const struct hands_owner *self = owner;

    return cri_find_pods(self->socket, config_handlers, ret, why);
}

const struct hands hands = {.major = hands_major,
                            .dump = hands_dump,
                            .restart = hands_restart,
                            .loaded = hands_loaded,
                            .pods = hands_pods};
