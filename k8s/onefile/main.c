/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of Skep as one file, for who installs a shim by copying one file (runtime-class-manager): called
 * as containerd-shim-NAME-v2, it becomes the program of that name of the installation that it carries.
 * The first call unpacks it; each later one costs an access(2) and an exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "k8s/onefile/payload.h"

enum { PROGRAM_ROOM = PAYLOAD_FOLDER_ROOM + 300 };

/* Runs until the program is another one. Return: negative. */
static int become(char **argv, struct fault *why)
{
    AUTO(fd_close) int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    struct payload payload;
    char program[PROGRAM_ROOM];

    if (self < 0) {
        return fault_sys(why, -errno, "open /proc/self/exe");
    }
    TRY(payload_find(self, &payload, why));
    if ((size_t)snprintf(program, sizeof(program), "%s/bin/%s", payload.folder, name) >=
        sizeof(program)) {
        return fault(why, FAULT_LIMIT, "the name of this program is too long");
    }
    if (access(program, X_OK) < 0) {
        TRY(payload_unpack(self, &payload, why));
    }
    argv[0] = program;
    (void)execv(program, argv);
    return fault_sys(why, -errno, "become %s", program);
}

int main(int argc, char **argv)
{
    struct fault why = {0};

    if (argc > 0 && become(argv, &why) < 0) {
        (void)fprintf(stderr, "skep: %s\n", why.text);
    }
    return 1;
}
