/* SPDX-License-Identifier: MIT
 * tool_damage.c - `penstock_damage`: the damage matrix, and damaged spools for tests of the whole
 * program. */
#include "base/clock.h"
#include "base/random.h"
#include "spool/disk/dir.h"
#include "tests/damage/damage_make.h"
#include "tests/damage/damage_matrix.h"

#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct matrix_options matrix = {.rounds = 2000, .jobs = 6, .only_case = -1};
static struct make_options make = {.batch_events = 10,
                                   .segments = 3,
                                   .segment_bytes = 1150000,
                                   .events_in_last = 4000,
                                   .label = "d"};
static char scratch[200];

static void run_matrix(void **state)
{
    (void)state;
    matrix.dir = scratch;
    damage_matrix_run(&matrix);
}

static void run_make(void **state)
{
    (void)state;
    make.scratch = scratch;
    make.seed = matrix.seed;
    damage_make(&make);
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: penstock_damage matrix [--rounds N] [--seed S] [--only PART_OF_A_ROW] [--case N] "
        "[--jobs N] [--table FILE] [--verbose]\n"
        "       penstock_damage make --to DIR --out JSON [--seed S] [--number N | --every | "
        "--undamaged] [--label TEXT] [--batch N]\n"
        "                            [--segments N] [--segment-bytes N] [--events-in-last N] "
        "[--killed] [--events FILE]\n"
        "matrix: tries all damage in process. make: writes a spool with random damage number N (or "
        "damage to every segment), and as\n"
        "JSON what must be missing from it; with --events also what it held, one line an event.\n");
    return 2;
}

static bool parse(int argc, char **argv)
{
    static const struct option names[] = {
        {"rounds", 1, NULL, 'r'},        {"seed", 1, NULL, 's'},
        {"only", 1, NULL, 'o'},          {"case", 1, NULL, 'c'},
        {"jobs", 1, NULL, 'j'},          {"table", 1, NULL, 't'},
        {"verbose", 0, NULL, 'v'},       {"to", 1, NULL, 'T'},
        {"out", 1, NULL, 'O'},           {"number", 1, NULL, 'n'},
        {"every", 0, NULL, 'e'},         {"label", 1, NULL, 'l'},
        {"batch", 1, NULL, 'b'},         {"segments", 1, NULL, 'S'},
        {"segment-bytes", 1, NULL, 'B'}, {"events-in-last", 1, NULL, 'L'},
        {"killed", 0, NULL, 'k'},        {"undamaged", 0, NULL, 'u'},
        {"events", 1, NULL, 'E'},        {NULL, 0, NULL, 0},
    };
    const char *seed = getenv("PENSTOCK_SEED"), *rounds = getenv("PENSTOCK_DAMAGE_ROUNDS");
    matrix.seed = seed == NULL ? random_u64() & 0xffffffff : strtoull(seed, NULL, 0);
    if (rounds != NULL)
        matrix.rounds = (uint32_t)strtoul(rounds, NULL, 0);
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'r': matrix.rounds = (uint32_t)strtoul(optarg, NULL, 0); break;
        case 's': matrix.seed = strtoull(optarg, NULL, 0); break;
        case 'o': matrix.only = optarg; break;
        case 'c': matrix.only_case = strtoll(optarg, NULL, 0); break;
        case 'j': matrix.jobs = (uint32_t)strtoul(optarg, NULL, 0); break;
        case 't': matrix.table = optarg; break;
        case 'v': matrix.verbose = true; break;
        case 'T': make.to = optarg; break;
        case 'O': make.out = optarg; break;
        case 'n': make.number = strtoull(optarg, NULL, 0); break;
        case 'e': make.every = true; break;
        case 'l': make.label = optarg; break;
        case 'b': make.batch_events = (uint32_t)strtoul(optarg, NULL, 0); break;
        case 'S': make.segments = (uint32_t)strtoul(optarg, NULL, 0); break;
        case 'B': make.segment_bytes = strtoull(optarg, NULL, 0); break;
        case 'L': make.events_in_last = (uint32_t)strtoul(optarg, NULL, 0); break;
        case 'k': make.killed = true; break;
        case 'u': make.undamaged = true; break;
        case 'E': make.events = optarg; break;
        default: return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest matrix_tests[] = {cmocka_unit_test(run_matrix)},
                            make_tests[] = {cmocka_unit_test(run_make)};
    pid_t self = getpid();
    if (argc < 2 || !parse(argc - 1, argv + 1))
        return usage();
    bool is_matrix = strcmp(argv[1], "matrix") == 0, is_make = strcmp(argv[1], "make") == 0;
    if (!is_matrix && (!is_make || make.to == NULL || make.out == NULL))
        return usage();
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(scratch, sizeof scratch, "%s/penstock-damage-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(scratch) == NULL) {
        perror(scratch);
        return 1;
    }
    int rc = is_matrix ? cmocka_run_group_tests(matrix_tests, NULL, NULL)
                       : cmocka_run_group_tests(make_tests, NULL, NULL);
    if (getpid() != self) /* a child in which an assertion failed */
        _exit(99);
    if (rc == 0 || matrix.only_case < 0)
        spool_dir_remove_tree(AT_FDCWD, scratch);
    return rc;
}
