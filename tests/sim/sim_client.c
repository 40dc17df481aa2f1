/* SPDX-License-Identifier: MIT
 * sim_client.c - a program that sends events: batches, one after the other, again when refused. */
#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_life.h"
#include "tests/sim/sim_sched.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS      12
#define TRIES     15
#define AGAIN_MS  2000
#define ANSWER_MS 15000 /* a client gives up waiting; the events' fate is unknown then */
#define LOOK_MS   3

/* One request. The committer may answer after the client has left, so it is never freed. */
struct request {
    const char *topic;
    uint32_t first, count, size;
    bool poison;
    enum err rc; /* of handing it over */
    bool answered;
};

const char *sim_topic_name(unsigned topic)
{
    static const char *const names[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"};
    return names[topic % 6];
}

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct request *request = arg;
    sim_oracle_receipt(request->first, request->count, receipt);
    request->answered = true;
}

static enum err fill(struct spool_batch *batch, struct request *request)
{
    static uint8_t value[SIM_POISON_SIZE + 1];
    enum err rc = ERR_OK;
    for (uint32_t i = 0; i < request->count && rc == ERR_OK; i++) {
        uint32_t key = (uint32_t)sim_random(KEYS + 1); /* 0: no key */
        bool poison = request->poison && i == request->count / 2;
        uint32_t size = poison ? SIM_POISON_SIZE : request->size;
        uint32_t number = sim_oracle_event(request->topic, key, size);
        char text[16];
        request->first = i == 0 ? number : request->first;
        if (poison)
            sim_oracle_oversized(number);
        snprintf(text, sizeof text, "key-%u", key);
        sim_oracle_value(number, value, size);
        const struct spool_event event = {
            .time_ms = sim_wall_ms(),
            .key = key != 0 ? bytes_of_string(text) : BYTES_NULL,
            .value = bytes_of(value, size),
            .partition = SPOOL_PARTITION_ANY,
        };
        rc = spool_batch_add(batch, &event);
    }
    return rc;
}

static void submit(struct spool *spool, void *arg)
{
    struct request *request = arg;
    struct spool_batch *batch;
    request->rc = spool_batch_new(spool, bytes_of_string(request->topic), &batch);
    if (request->rc != ERR_OK)
        return;
    request->rc = fill(batch, request);
    if (request->rc == ERR_OK)
        request->rc = spool_submit(spool, batch, on_done, request);
    if (request->rc == ERR_OK)
        return;
    spool_batch_free(batch);
    sim_oracle_refused(request->first, request->count);
}

static bool send_batch(const char *topic, uint32_t count, uint32_t size, bool poison)
{
    struct request *request = calloc(1, sizeof *request);
    *request = (struct request){
        .topic = topic, .count = count, .size = size, .poison = poison, .rc = ERR_UNAVAILABLE};
    if (!sim_agent_call(submit, request) || request->rc != ERR_OK)
        return false;
    for (int64_t end_ms = sim_now_ms() + ANSWER_MS; sim_now_ms() < end_ms && !request->answered;)
        sim_sleep_ms(LOOK_MS);
    return request->answered;
}

static void send_batches(const struct sim_step *step)
{
    uint32_t batches = step->c >> 16, events = step->c & 0xffff;
    for (uint32_t i = 0; i < batches; i++) {
        bool poison = step->d >> 31 != 0 && i == batches / 2;
        for (int tries = 0; tries < TRIES; tries++) {
            if (send_batch(sim_topic_name(step->b), events, step->d & 0x7fffffff, poison))
                break;
            sim_sleep_ms(AGAIN_MS);
        }
        sim_sleep_ms((int64_t)sim_random(150));
    }
}

void sim_client_run(const struct sim_history *history, unsigned client)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct sim_step *step = &history->steps[i];
        if (step->kind != SIM_STEP_SEND || step->a != client)
            continue;
        if (step->at_ms > sim_now_ms())
            sim_sleep_ms(step->at_ms - sim_now_ms());
        send_batches(step);
    }
}
