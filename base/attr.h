/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole macro vocabulary of the project.
 *
 * Belongs here: words that every room may use in a signature or a scope.
 * Does not belong here: anything that generates code for one room only.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

/* In a signature: the pointer changes owner (parameter: to the callee; result: to the caller). */
#define own

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, values_at) __attribute__((format(printf, format_at, values_at)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* From a member embedded in an object to the object. */
#define OWNER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/*
 * Scopes that own: DEFINE_AUTO(struct pods *, pods_free) once beside the declaration of
 * pods_free(), then AUTO(pods_free) struct pods *pods = NULL; in a function. A local leaves its
 * scope alive only by TAKE().
 */
#define DEFINE_AUTO(type, destructor)                                                              \
    UNUSED static inline void destructor##_auto(type *held)                                        \
    {                                                                                              \
        (void)destructor(*held);                                                                   \
    }
#define AUTO(destructor) __attribute__((cleanup(destructor##_auto)))
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

/* The same for a descriptor, which rests at -1. */
#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

/* The only macro that hides a return: a negative result travels on unchanged. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        int tried_ = (call);                                                                       \
        if (tried_ < 0) {                                                                          \
            return tried_;                                                                         \
        }                                                                                          \
    } while (0)

/* Memory whose size we chose: zeroed, or the program says so and ends (see memory.c). */
#define NEW(type) ((type *)memory_new(1, sizeof(type)))
#define NEW_ARRAY(count, type) ((type *)memory_new((count), sizeof(type)))

/**
 * memory_new() - zeroed memory; never NULL
 * @count: elements, at least 1
 * @size:  bytes of one element
 *
 * Ends the program with a line on stderr when memory is gone: no path behind such a failure could
 * be tested honestly. Sizes somebody else chose go through struct buf with its maximum.
 *
 * Return: memory for free(), owned by the caller. Thread: any.
 */
own void *memory_new(size_t count, size_t size) MUST_USE;

/**
 * memory_text() - a copy of text
 * @text:   bytes to copy; may hold no NUL when @length says so
 * @length: bytes, without the NUL that is added
 *
 * Return: NUL-terminated copy for free(), owned by the caller. Thread: any.
 */
own char *memory_text(const char *text, size_t length) MUST_USE;
#define COPY_TEXT(text) memory_text((text), strlen(text))

/**
 * memory_free() - free() as a destructor for AUTO
 * @memory: from memory_new() or malloc(), or NULL
 *
 * Return: NULL. Thread: any.
 */
void *memory_free(own void *memory);
UNUSED static inline void memory_free_auto(void *held)
{
    free(*(void **)held);
}

/* Gives what was freed back to the kernel, which may take milliseconds. Thread: any. */
void memory_trim(void);
