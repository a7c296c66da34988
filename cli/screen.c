/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers only note what came; screen_key() looks with the signals held back, so that none is lost
 * between the look and the wait. The alternate screen leaves what was written before untouched.
 */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"

enum { USUAL_WIDTH = 80, USUAL_HEIGHT = 24 };

static const char enter[] = "\033[?1049h\033[?25l";
static const char leave[] = "\033[?25h\033[?1049l";

static struct termios before;
static sigset_t mask_before;
static bool is_open;
static volatile sig_atomic_t ending; /* the signal that asks to end */
static volatile sig_atomic_t stopping;
static volatile sig_atomic_t resized;

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void note(int number)
{
    if (number == SIGTSTP) {
        stopping = 1;
    } else if (number == SIGWINCH) {
        resized = 1;
    } else {
        ending = number;
    }
}

static void put(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, length);

        if (done < 0 && errno != EINTR) {
            return; /* the terminal has gone; so shall we, by its SIGHUP */
        }
        bytes += done > 0 ? done : 0;
        length -= done > 0 ? (size_t)done : 0;
    }
}

bool screen_is_possible(void)
{
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

static int take(struct fault *why)
{
    struct termios raw = before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0) {
        return fault_sys(why, -errno, "set the terminal up");
    }
    is_open = true;
    put(enter, sizeof(enter) - 1);
    return 0;
}

/* Those that do not end us come while we wait for a key alone, so that no call is broken off. */
static void signals_note(void)
{
    struct sigaction action = {.sa_handler = note};
    sigset_t held;

    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        (void)sigaction(ends[i], &action, NULL);
    }
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGTSTP);
    (void)sigaddset(&held, SIGWINCH);
    (void)sigprocmask(SIG_BLOCK, &held, &mask_before);
    (void)sigaction(SIGTSTP, &action, NULL);
    (void)sigaction(SIGWINCH, &action, NULL);
}

int screen_open(struct fault *why)
{
    if (tcgetattr(STDIN_FILENO, &before) < 0) {
        return fault_sys(why, -errno, "ask the terminal for its modes");
    }
    signals_note();
    return take(why);
}

void screen_close(void)
{
    if (is_open) {
        put(leave, sizeof(leave) - 1);
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        is_open = false;
    }
}

void screen_size(size_t *ret_width, size_t *ret_height)
{
    struct winsize size = {0};
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
                    size.ws_row > 0;

    *ret_width = is_known ? size.ws_col : USUAL_WIDTH;
    *ret_height = is_known ? size.ws_row : USUAL_HEIGHT;
}

void screen_show(const struct buf *lines)
{
    static const char home[] = "\033[H";
    static const char line_end[] = "\033[K\r\n";
    static const char rest[] = "\033[J";
    AUTO(buf_fini) struct buf out = BUF(4 * lines->length + 64);
    size_t length = lines->length;

    buf_put(&out, home, sizeof(home) - 1);
    for (size_t i = 0; i < length; i++) {
        /* None behind the last line: it would scroll. */
        if (lines->data[i] != '\n') {
            buf_put_u8(&out, lines->data[i]);
        } else if (i + 1 < length) {
            buf_put(&out, line_end, sizeof(line_end) - 1);
        }
    }
    buf_put(&out, "\033[K", 3);
    buf_put(&out, rest, sizeof(rest) - 1);
    put((const char *)out.data, out.length);
}

/* Stops as everybody does, with the terminal in order, and takes it again afterwards. */
static void stop(void)
{
    struct fault why;

    screen_close();
    (void)raise(SIGSTOP);
    (void)take(&why); /* if that fails the terminal has gone, and SIGHUP comes */
}

/* With the signals held back. Return: as screen_key(), or 1 when nothing came. */
static int look(void)
{
    if (ending != 0) {
        return SCREEN_ENDED;
    }
    if (stopping != 0) {
        stopping = 0;
        stop();
        return SCREEN_RESIZED;
    }
    if (resized != 0) {
        resized = 0;
        return SCREEN_RESIZED;
    }
    return 1;
}

static int wait_for_key(uint64_t until_ns)
{
    struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t now = clock_now_ns();
    uint64_t left = until_ns > now ? until_ns - now : 0;
    struct timespec patience = {.tv_sec = (time_t)(left / NS_PER_S),
                                .tv_nsec = (long)(left % NS_PER_S)};
    unsigned char key = 0;
    int ready = ppoll(&keys, 1, &patience, &mask_before);
    int found = 0;

    if (ready < 0) {
        found = look();
        return found == 1 ? SCREEN_RESIZED : found;
    }
    if (ready == 0) {
        return SCREEN_TIME;
    }
    return read(STDIN_FILENO, &key, 1) == 1 && key != 0 ? key : SCREEN_ENDED;
}

int screen_key(uint64_t until_ns)
{
    sigset_t held;
    sigset_t usual;
    int found;

    (void)sigemptyset(&held);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        (void)sigaddset(&held, ends[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &held, &usual);
    found = look();
    if (found == 1) {
        found = wait_for_key(until_ns);
    }
    (void)sigprocmask(SIG_SETMASK, &usual, NULL);
    return found;
}

bool screen_is_ended(void)
{
    return ending != 0;
}

void screen_raise(void)
{
    if (ending != 0) {
        (void)signal((int)ending, SIG_DFL);
        (void)raise((int)ending);
    }
}
