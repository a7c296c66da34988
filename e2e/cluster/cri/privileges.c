/* SPDX-License-Identifier: Apache-2.0 */
/* The program of critest's image "nonewprivs": set-uid root in the image, it says what that gave it. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    (void)printf("Effective uid: %d\n", (int)geteuid());
    return 0;
}
