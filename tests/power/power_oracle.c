/* SPDX-License-Identifier: MIT
 * power_oracle.c - reads marks. */
#include "tests/power/power_oracle.h"

#include "tests/power/power_disk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void set_flag(bool *flag, uint32_t *sum)
{
    *sum += !*flag;
    *flag = true;
}

static void acknowledge(struct oracle *oracle, uint64_t first_id, uint32_t batch)
{
    for (uint32_t i = 0; i < power_batch_events(batch); i++) {
        struct oracle_event *event = &oracle->events[power_batch_first(batch) + i];
        event->id = first_id + i;
        set_flag(&event->acknowledged, &oracle->acknowledged);
    }
}

static void deliver(struct oracle *oracle, uint64_t id, uint32_t number)
{
    struct oracle_event *event = &oracle->events[number];
    if (event->id != 0 && event->id != id) {
        fprintf(stderr, "the session delivered event %u as %" PRIu64 " and %" PRIu64 "\n", number,
                event->id, id);
        abort();
    }
    event->id = id;
    set_flag(&event->delivered, &oracle->delivered);
}

void oracle_mark(struct oracle *oracle, const char *text)
{
    uint64_t id;
    unsigned number;
    if (sscanf(text, "submit %u", &number) == 1)
        for (uint32_t i = 0; i < power_batch_events(number); i++)
            set_flag(&oracle->events[power_batch_first(number) + i].submitted, &oracle->submitted);
    else if (sscanf(text, "ack %" SCNu64 " %u", &id, &number) == 2)
        acknowledge(oracle, id, number);
    else if (sscanf(text, "deliver %" SCNu64 " %u", &id, &number) == 2)
        deliver(oracle, id, number);
    else if (sscanf(text, "damage %u", &number) == 1)
        set_flag(&oracle->events[number].damaged, &oracle->damaged);
    else if (sscanf(text, "refused %u", &number) == 1)
        oracle->refused++;
}

void oracle_init(struct oracle *oracle, const struct power_tape *tape)
{
    *oracle = (struct oracle){0};
    for (size_t i = 0; i < tape->count; i++) {
        unsigned batch;
        if (tape->ops[i].kind == POWER_MARK &&
            sscanf((const char *)tape->ops[i].data, "submit %u", &batch) == 1 &&
            power_batch_first(batch + 1) > oracle->count)
            oracle->count = power_batch_first(batch + 1);
    }
    oracle->events = calloc(oracle->count + 1, sizeof *oracle->events);
    if (oracle->events == NULL)
        disk_out_of_memory();
}

void oracle_free(struct oracle *oracle)
{
    free(oracle->events);
    *oracle = (struct oracle){0};
}

void oracle_rewind(struct oracle *oracle)
{
    memset(oracle->events, 0, oracle->count * sizeof *oracle->events);
    *oracle = (struct oracle){.events = oracle->events, .count = oracle->count};
}
