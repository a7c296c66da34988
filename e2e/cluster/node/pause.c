/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod of Linux containers alone keeps its namespaces by: sleeps until it is told to end. */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

static void reap(int signal_number)
{
    (void)signal_number;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int main(void)
{
    struct sigaction action = {.sa_handler = end};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = reap;
    action.sa_flags = SA_NOCLDSTOP;
    (void)sigaction(SIGCHLD, &action, NULL);
    for (;;) {
        (void)pause();
    }
}
