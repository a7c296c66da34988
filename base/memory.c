/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for sizes that we chose ourselves: it is there, or the program ends with a sentence. */
#include "base/attr.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static void NORETURN memory_gone(size_t bytes)
{
    (void)fprintf(stderr, "skep: out of memory for %zu bytes\n", bytes);
    abort();
}

own void *memory_new(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (!memory) {
        memory_gone(count * size);
    }
    return memory;
}

own char *memory_text(const char *text, size_t length)
{
    char *copy = (char *)memory_new(length + 1, 1);

    if (length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

void *memory_free(own void *memory)
{
    free(memory);
    return NULL;
}

void memory_trim(void)
{
    (void)malloc_trim(0);
}
