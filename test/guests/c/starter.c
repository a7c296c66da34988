/* SPDX-License-Identifier: Apache-2.0 */
/* starter: a command of 1.4 MiB with a constructor that asks for the environment; then it ends. */
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1343488 }; /* with stack and data: 22 pages */

static volatile char room[ROOM];
static volatile size_t said;

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("NAME");

    said = name != NULL ? strlen(name) : 0;
    room[ROOM / 2] = 1;
}

int main(void)
{
    return room[ROOM / 2] == 1 ? 0 : 1;
}
