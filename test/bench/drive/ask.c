/* SPDX-License-Identifier: Apache-2.0 */
#include "test/bench/drive/ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/fd.h"

enum { PATIENCE_S = 20, ANSWER_MAX = 4096 };

bool ask(uint16_t port, const char *word)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    static const char good[] = "HTTP/1.1 200";
    const struct sockaddr_in where = {.sin_family = AF_INET,
                                      .sin_port = htons(port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    AUTO(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[ANSWER_MAX + 1] = "";
    size_t length = 0;
    ssize_t got = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
        send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0) {
        return false;
    }
    while (got > 0 && length < ANSWER_MAX) {
        got = recv(fd, answer + length, ANSWER_MAX - length, 0);
        length += got > 0 ? (size_t)got : 0;
    }
    return got == 0 && strncmp(answer, good, sizeof(good) - 1) == 0 && strstr(answer, word) != NULL;
}
