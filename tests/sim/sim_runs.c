/* SPDX-License-Identifier: MIT
 * sim_runs.c - a child for each history. */
#include "tests/sim/sim_runs.h"

#include "tests/sim/sim_life.h"
#include "tests/sim/sim_sched.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANGS_S 30

double sim_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void child(const struct sim_history *history, const char *known, bool show,
                  struct sim_verdict *verdict)
{
    if (!show) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
    }
    alarm(HANGS_S);
    sim_life_run(history, verdict, known);
    if (show)
        sim_history_print();
    fflush(NULL);
    _exit(0);
}

void sim_run(const struct sim_history *history, const char *known, bool show,
             struct sim_verdict *ret)
{
    struct sim_verdict *verdict =
        mmap(NULL, sizeof *verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (verdict == MAP_FAILED)
        abort();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        child(history, known, show, verdict);
    int status = 0;
    waitpid(pid, &status, 0);
    if (verdict->kind[0] == '\0' && WIFSIGNALED(status)) {
        bool hangs = WTERMSIG(status) == SIGALRM;
        strcpy(verdict->kind, hangs ? "history_hangs" : "program_crashes");
        snprintf(verdict->text, sizeof verdict->text, "signal %d", WTERMSIG(status));
    } else if (verdict->kind[0] == '\0' && status != 0) {
        strcpy(verdict->kind, "simulation_fails");
        snprintf(verdict->text, sizeof verdict->text, "exit code %d", WEXITSTATUS(status));
    }
    *ret = *verdict;
    munmap(verdict, sizeof *verdict);
}
