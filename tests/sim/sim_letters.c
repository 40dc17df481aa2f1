/* SPDX-License-Identifier: MIT
 * sim_letters.c - requeue, drop. */
#include "tests/sim/sim_letters.h"

#include "spool/spool_letters.h"
#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_sched.h"

#include <inttypes.h>
#include <stdlib.h>

enum { TAKEN_MAX = 16, ANSWER_MS = 15000 };

struct taking {
    struct spool *spool;
    unsigned count_max, count;
    bool requeue;
    uint64_t ids[TAKEN_MAX];
};

/* The committer may answer late, so it is never freed. */
struct answer {
    bool done;
    enum err err;
};

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct answer *answer = arg;
    answer->err = receipt->err;
    answer->done = true;
}

static bool requeue(struct spool *spool, const struct spool_letter *letter)
{
    struct answer *answer = calloc(1, sizeof *answer);
    struct spool_batch *batch;
    struct spool_event event = letter->event;
    if (spool_batch_new(spool, event.topic, &batch) != ERR_OK)
        return false;
    if (spool_batch_add(batch, &event) != ERR_OK ||
        spool_submit(spool, batch, on_done, answer) != ERR_OK) {
        spool_batch_free(batch);
        return false;
    }
    for (int64_t end_ms = sim_now_ms() + ANSWER_MS; !answer->done && sim_now_ms() < end_ms;)
        sim_sleep_ms(5);
    return answer->done && answer->err == ERR_OK;
}

static bool take(void *arg, const struct spool_letter *letter)
{
    struct taking *taking = arg;
    if (taking->requeue && !requeue(taking->spool, letter))
        return false;
    sim_oracle_letter_gone(letter->id, taking->requeue);
    taking->ids[taking->count++] = letter->id;
    return taking->count < taking->count_max;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void take_all(struct spool *spool, void *arg)
{
    struct taking *taking = arg;
    size_t removed = 0;
    struct errmsg msg = {""};
    taking->spool = spool;
    (void)spool_letters_each(spool, take, taking, &msg);
    qsort(taking->ids, taking->count, sizeof taking->ids[0], by_id);
    enum err rc = spool_letters_remove(spool, taking->ids, taking->count, &removed, &msg);
    sim_note("letters %s: %u, removed %zu: %s", taking->requeue ? "requeued" : "dropped",
             taking->count, removed, err_name(rc));
}

void sim_letters_take(unsigned count, bool requeue)
{
    struct taking *taking = calloc(1, sizeof *taking);
    taking->count_max = count < TAKEN_MAX ? count : TAKEN_MAX;
    taking->requeue = requeue;
    sim_agent_call(take_all, taking);
}
