/* SPDX-License-Identifier: MIT
 * child.c - runs a history in a child process. */
#include "tests/sim/child.h"

#include "tests/sim/sim_sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_and_tell(int fd, uint64_t seed, void (*fn)(void *arg), void *arg)
{
    sim_sched_run(seed, fn, arg);
    struct child told = {0, sim_history_hash(), sim_now_ms()};
    if (write(fd, &told, sizeof told) != sizeof told)
        _exit(2);
    _exit(0);
}

struct child child_run(uint64_t seed, void (*fn)(void *arg), void *arg)
{
    struct child child = {.status = -1};
    int ends[2], status = 0;
    fflush(NULL);
    if (pipe(ends) != 0)
        abort();
    pid_t pid = fork();
    if (pid == 0)
        run_and_tell(ends[1], seed, fn, arg);
    close(ends[1]);
    ssize_t n = read(ends[0], &child, sizeof child);
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    child.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (child.status == 0 && n != sizeof child)
        child.status = 2;
    return child;
}
