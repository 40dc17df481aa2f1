/* SPDX-License-Identifier: MIT
 * damage_phase.c - children with a time limit. */
#include "tests/damage/damage_phase.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { MUST_LIMIT_MS = 60000 };

static int words_fd = -1; /* in the child: where its last words go */

_Noreturn void phase_fail(const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t count = size < (int)sizeof text ? (size_t)size : sizeof text - 1;
    if (words_fd < 0 || write(words_fd, text, count) < 0)
        fprintf(stderr, "%s\n", text);
    _exit(1);
}

/* Reads the child's words until it has closed its end, which is at its death. False: it hangs. */
static bool listen_to(int fd, int64_t limit_ms, struct phase_result *result)
{
    int64_t until_ms = clock_monotonic_ms() + limit_ms;
    size_t used = 0;
    for (;;) {
        int64_t left_ms = until_ms - clock_monotonic_ms();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0 || poll(&poll_fd, 1, (int)left_ms) == 0)
            return false;
        ssize_t size = read(fd, result->text + used, sizeof result->text - 1 - used);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0 || used == sizeof result->text - 1)
            return true;
        used += (size_t)size;
    }
}

void phase_run(void (*fn)(void *arg), void *arg, int64_t limit_ms, struct phase_result *ret_result)
{
    int fds[2], status = 0;
    *ret_result = (struct phase_result){0};
    fflush(NULL);
    if (pipe(fds) != 0)
        abort();
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        close(fds[0]);
        words_fd = fds[1];
        fn(arg);
        _exit(0);
    }
    close(fds[1]);
    bool ended = listen_to(fds[0], limit_ms, ret_result);
    if (!ended)
        kill(pid, SIGKILL);
    close(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!ended) {
        ret_result->end = PHASE_HANG;
        snprintf(ret_result->text, sizeof ret_result->text, "hangs: not ended after %lld ms",
                 (long long)limit_ms);
    } else if (WIFSIGNALED(status)) {
        ret_result->end = PHASE_SIGNAL;
        snprintf(ret_result->text, sizeof ret_result->text, "ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        ret_result->end = PHASE_FAILED;
        if (ret_result->text[0] == '\0')
            snprintf(ret_result->text, sizeof ret_result->text, "ended with %d",
                     WEXITSTATUS(status));
    }
}

void phase_must(void (*fn)(void *arg), void *arg, const char *what)
{
    struct phase_result result;
    phase_run(fn, arg, MUST_LIMIT_MS, &result);
    if (result.end != PHASE_OK)
        fail_msg("%s: %s", what, result.text);
}
