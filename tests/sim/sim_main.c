/* SPDX-License-Identifier: MIT
 * sim_main.c - the command line of the simulation. tests/sim/README.md says how to read it. */
#include "tests/sim/sim_runs.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHRINK_S 20

struct command {
    uint64_t seed;
    bool has_seed, verbose, shrink, keep_going;
    double seconds;
    uint64_t base;
    const char *case_file, *known_file, *out;
    char *known;
};

static struct sim_history history;

static void usage(void)
{
    puts("penstock_sim --seed N | --case FILE | --seconds S [--seed-base TEXT]\n"
         "  --verbose       print the whole history\n"
         "  --shrink        make a red history as short as possible\n"
         "  --known FILE    kinds of findings that are known\n"
         "  --out DIR       write red histories there, as case files\n"
         "  --keep-going    don't stop at the first red history");
}

/* A number, or any text (a commit's hash). */
static uint64_t base_of(const char *text)
{
    uint64_t h = 14695981039346656037ull;
    for (; *text != '\0'; text++)
        h = (h ^ (uint8_t)*text) * 1099511628211ull;
    return h >> 1;
}

/* The file's lines without comments; "" when there is none. */
static char *read_known(const char *path)
{
    char *known = calloc(1, 65536), line[256];
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    if (file == NULL)
        return known;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "# \t\n")] = '\0';
        if (line[0] != '\0' && strlen(known) + strlen(line) + 2 < 65536) {
            strcat(known, line);
            strcat(known, "\n");
        }
    }
    fclose(file);
    return known;
}

static bool parse(int argc, char **argv, struct command *command)
{
    static const struct option options[] = {
        {"seed", 1, NULL, 's'},  {"seconds", 1, NULL, 't'}, {"seed-base", 1, NULL, 'b'},
        {"case", 1, NULL, 'c'},  {"shrink", 0, NULL, 'k'},  {"verbose", 0, NULL, 'v'},
        {"known", 1, NULL, 'n'}, {"out", 1, NULL, 'o'},     {"keep-going", 0, NULL, 'g'},
        {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 's':
            command->seed = strtoull(optarg, NULL, 0);
            command->has_seed = true;
            break;
        case 't': command->seconds = strtod(optarg, NULL); break;
        case 'b': command->base = base_of(optarg); break;
        case 'c': command->case_file = optarg; break;
        case 'k': command->shrink = true; break;
        case 'v': command->verbose = true; break;
        case 'n': command->known_file = optarg; break;
        case 'o': command->out = optarg; break;
        case 'g': command->keep_going = true; break;
        default: return false;
        }
    }
    return command->has_seed || command->case_file != NULL || command->seconds > 0;
}

static void save(const struct command *command, const struct sim_verdict *verdict)
{
    char path[512];
    if (command->out == NULL)
        return;
    snprintf(path, sizeof path, "%s/%s-%" PRIu64 ".case", command->out, verdict->kind,
             history.world.seed);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return;
    fprintf(file, "# kind %s\n# %s\n", verdict->kind, verdict->text);
    sim_steps_print(file, &history);
    fclose(file);
}

/* Prints a red run; the history shrinks when asked. */
static void tell(const struct command *command, const struct sim_verdict *verdict)
{
    printf("RED seed=%" PRIu64 " kind=%s: %s\n", history.world.seed, verdict->kind, verdict->text);
    if (command->shrink) {
        size_t before = history.count;
        unsigned runs = sim_shrink(&history, command->known, verdict->kind, SHRINK_S);
        printf("%zu of %zu steps are left after %u runs\n", history.count, before, runs);
    }
    save(command, verdict);
    if (command->shrink) {
        printf("# kind %s\n", verdict->kind);
        sim_steps_print(stdout, &history);
    }
    fflush(stdout);
}

static void count_known(const struct sim_verdict *verdict, char names[][64], unsigned *counts,
                        unsigned *ret_count)
{
    for (unsigned i = 0; i < verdict->known_count; i++) {
        unsigned k = 0;
        while (k < *ret_count && strcmp(names[k], verdict->known[i]) != 0)
            k++;
        if (k == SIM_KINDS_MAX)
            continue;
        if (k == *ret_count)
            strcpy(names[(*ret_count)++], verdict->known[i]);
        counts[k]++;
    }
}

static int run_many(const struct command *command)
{
    static char names[SIM_KINDS_MAX][64];
    static unsigned counts[SIM_KINDS_MAX];
    unsigned kinds = 0, histories = 0, red = 0;
    uint64_t events = 0;
    double virtual_s = 0, begin = sim_seconds();
    for (uint64_t n = 0; sim_seconds() - begin < command->seconds; n++) {
        struct sim_verdict verdict;
        sim_steps_draw(command->base + n, &history);
        sim_run(&history, command->known, false, &verdict);
        sim_pairs_count(&history);
        histories++;
        events += verdict.events;
        virtual_s += (double)verdict.virtual_ms / 1000;
        count_known(&verdict, names, counts, &kinds);
        if (verdict.kind[0] == '\0')
            continue;
        red++;
        tell(command, &verdict);
        if (!command->keep_going)
            break;
    }
    sim_pairs_print(command->verbose);
    for (unsigned i = 0; i < kinds; i++)
        printf("known: %s in %u histories\n", names[i], counts[i]);
    printf("%u histories, %u red, %.0f virtual hours, %" PRIu64
           " events, %.0f histories a minute\n",
           histories, red, virtual_s / 3600, events, histories / (sim_seconds() - begin) * 60);
    return red > 0 ? 1 : 0;
}

static int run_one(const struct command *command)
{
    struct sim_verdict verdict;
    sim_run(&history, command->known, command->verbose, &verdict);
    for (unsigned i = 0; i < verdict.known_count; i++)
        printf("known: %s\n", verdict.known[i]);
    printf("seed=%" PRIu64 " steps=%zu events=%" PRIu64 " records=%" PRIu64 " virtual_ms=%" PRId64
           " history=%016" PRIx64 "\n",
           history.world.seed, history.count, verdict.events, verdict.records, verdict.virtual_ms,
           verdict.hash);
    if (verdict.kind[0] == '\0')
        return 0;
    tell(command, &verdict);
    return 1;
}

int main(int argc, char **argv)
{
    struct command command = {.base = 1};
    if (!parse(argc, argv, &command)) {
        usage();
        return 2;
    }
    command.known = read_known(command.known_file);
    if (command.case_file != NULL) {
        FILE *file = fopen(command.case_file, "r");
        if (file == NULL || !sim_steps_read(file, &history)) {
            fprintf(stderr, "%s is no case file\n", command.case_file);
            return 2;
        }
        fclose(file);
        return run_one(&command);
    }
    if (command.has_seed) {
        sim_steps_draw(command.seed, &history);
        return run_one(&command);
    }
    return run_many(&command);
}
