/* SPDX-License-Identifier: MIT
 * delivery_wait.c - a short sorted list of the batches whose delivery a client waits for. */
#include "spool/spool_delivery_wait.h"

#include "base/mutex.h"
#include "spool/commit/batch.h"
#include "spool/commit/delivery_waits.h"
#include "spool/home/internal.h"
#include "spool/home/locks.h"

#include <assert.h>
#include <stdlib.h>

enum { NOT_YET, NOTED, COUNTS }; /* of a place */
/* OVER: cancelled, or confirmed() is being called */
enum confirm_state { CONFIRM_NEW, CONFIRM_LISTED, CONFIRM_OVER };

struct spool_delivery_wait {
    struct spool_delivery_waits *confirms;
    spool_confirmed_fn *confirmed;
    void *arg;
    enum confirm_state state; /* under the lock, as are all fields below */
    bool all;
    uint64_t first_id;
    uint32_t event_count, noted, counting;
    struct spool_delivery_wait *next_over;
    struct spool_kafka_place places[];
};

struct spool_delivery_waits {
    struct mutex lock;
    unsigned references; /* held by the spool and by each wait: a wait may outlive the spool */
    uint64_t events;
    unsigned batches;
    atomic_uint listed;
    /* ascending ids: the committer adds them in that order */
    struct spool_delivery_wait *list[SPOOL_DELIVERY_WAIT_BATCHES_MAX];
};

struct spool_delivery_waits *spool_delivery_waits_new(void)
{
    struct spool_delivery_waits *confirms = calloc(1, sizeof *confirms);
    if (confirms == NULL)
        return NULL;
    mutex_init(&confirms->lock, SPOOL_LOCK_DELIVERY_WAITS);
    confirms->references = 1;
    return confirms;
}

/* Drops a reference, and unlocks. */
static void unref_locked(struct spool_delivery_waits *confirms)
{
    bool last = --confirms->references == 0;
    mutex_unlock(&confirms->lock);
    if (!last)
        return;
    mutex_destroy(&confirms->lock);
    free(confirms);
}

enum err spool_delivery_wait_new(struct spool *spool, uint32_t event_count,
                                 spool_confirmed_fn *confirmed, void *arg,
                                 struct spool_delivery_wait **ret_confirm)
{
    struct spool_delivery_waits *confirms = spool->confirms;
    struct spool_delivery_wait *confirm = NULL;
    mutex_lock(&confirms->lock);
    bool room = confirms->batches < SPOOL_DELIVERY_WAIT_BATCHES_MAX &&
                confirms->events + event_count <= SPOOL_DELIVERY_WAIT_EVENTS_MAX;
    if (room)
        confirm = calloc(1, sizeof *confirm + event_count * sizeof confirm->places[0]);
    if (confirm != NULL) {
        confirms->batches++;
        confirms->events += event_count;
        confirms->references++;
        *confirm = (struct spool_delivery_wait){
            .confirms = confirms, .confirmed = confirmed, .arg = arg, .event_count = event_count};
    }
    mutex_unlock(&confirms->lock);
    *ret_confirm = confirm;
    return confirm != NULL ? ERR_OK : room ? ERR_NOMEM : ERR_FULL;
}

void spool_delivery_wait_free(struct spool_delivery_wait *confirm)
{
    if (confirm == NULL)
        return;
    struct spool_delivery_waits *confirms = confirm->confirms;
    mutex_lock(&confirms->lock);
    assert(confirm->state != CONFIRM_LISTED);
    confirms->batches--;
    confirms->events -= confirm->event_count;
    free(confirm);
    unref_locked(confirms);
}

const struct spool_kafka_place *spool_delivery_wait_places(
    const struct spool_delivery_wait *confirm, uint32_t *ret_count)
{
    *ret_count = confirm->event_count;
    return confirm->places;
}

void spool_batch_set_delivery_wait(struct spool_batch *batch, struct spool_delivery_wait *confirm)
{
    assert(confirm->event_count == batch->event_count);
    batch->confirm = confirm;
}

/* ---- the list, locked ------------------------------------------------------------------------ */

/* Position of the last wait that begins at or before the id; `listed` when there is none. */
static unsigned find(const struct spool_delivery_waits *confirms, unsigned listed,
                     uint64_t event_id)
{
    unsigned from = 0, to = listed;
    while (from < to) {
        unsigned middle = from + (to - from) / 2;
        if (confirms->list[middle]->first_id <= event_id)
            from = middle + 1;
        else
            to = middle;
    }
    return from == 0 ? listed : from - 1;
}

static void take_off(struct spool_delivery_waits *confirms, unsigned at)
{
    unsigned listed = atomic_load(&confirms->listed);
    confirms->list[at]->state = CONFIRM_OVER;
    for (unsigned i = at; i + 1 < listed; i++)
        confirms->list[i] = confirms->list[i + 1];
    atomic_store(&confirms->listed, listed - 1);
}

/* Moves a wait from the list to *over when all its events count, or when `end` says so. */
static bool end_if(struct spool_delivery_waits *confirms, unsigned at, bool end,
                   struct spool_delivery_wait **over)
{
    struct spool_delivery_wait *confirm = confirms->list[at];
    confirm->all = confirm->counting == confirm->event_count;
    if (!confirm->all && !end)
        return false;
    take_off(confirms, at);
    confirm->next_over = *over;
    *over = confirm;
    return true;
}

/* Calls confirmed() of each; after unlocking. */
static void tell(struct spool_delivery_wait *over)
{
    for (struct spool_delivery_wait *next; over != NULL; over = next) {
        next = over->next_over;
        over->confirmed(over->arg, over->all); /* may free the wait */
    }
}

void spool_delivery_waits_register(struct spool_delivery_waits *confirms,
                                   struct spool_delivery_wait *confirm, uint64_t first_id)
{
    mutex_lock(&confirms->lock);
    unsigned listed = atomic_load(&confirms->listed);
    if (confirm->state == CONFIRM_NEW) {
        assert(listed < SPOOL_DELIVERY_WAIT_BATCHES_MAX &&
               (listed == 0 || confirms->list[listed - 1]->first_id < first_id));
        confirm->first_id = first_id;
        confirm->state = CONFIRM_LISTED;
        confirms->list[listed] = confirm;
        atomic_store(&confirms->listed, listed + 1);
    }
    mutex_unlock(&confirms->lock);
}

bool spool_delivery_wait_cancel(struct spool_delivery_wait *confirm)
{
    struct spool_delivery_waits *confirms = confirm->confirms;
    mutex_lock(&confirms->lock);
    bool mine = confirm->state != CONFIRM_OVER;
    if (confirm->state == CONFIRM_LISTED)
        take_off(confirms, find(confirms, atomic_load(&confirms->listed), confirm->first_id));
    confirm->state = CONFIRM_OVER;
    mutex_unlock(&confirms->lock);
    return mine;
}

void spool_delivery_waits_close(struct spool_delivery_waits *confirms)
{
    struct spool_delivery_wait *over = NULL;
    if (confirms == NULL)
        return;
    mutex_lock(&confirms->lock);
    while (atomic_load(&confirms->listed) > 0)
        (void)end_if(confirms, 0, true, &over);
    mutex_unlock(&confirms->lock);
    tell(over);
    mutex_lock(&confirms->lock);
    unref_locked(confirms);
}

/* ---- the bridge ------------------------------------------------------------------------------ */

bool spool_delivery_wait_any(struct spool *spool)
{
    return atomic_load_explicit(&spool->confirms->listed, memory_order_relaxed) > 0;
}

void spool_delivery_wait_note(struct spool *spool, uint64_t event_id, int32_t partition,
                              int64_t offset, bool final)
{
    struct spool_delivery_waits *confirms = spool->confirms;
    struct spool_delivery_wait *over = NULL;
    mutex_lock(&confirms->lock);
    unsigned listed = atomic_load(&confirms->listed), at = find(confirms, listed, event_id);
    struct spool_delivery_wait *confirm = at < listed ? confirms->list[at] : NULL;
    if (confirm != NULL && event_id - confirm->first_id < confirm->event_count) {
        struct spool_kafka_place *place = &confirm->places[event_id - confirm->first_id];
        if (place->state != COUNTS) { /* an event that counts already was sent twice: keep its first
                                       * place */
            confirm->noted += !final && place->state == NOT_YET;
            confirm->noted -= final && place->state == NOTED;
            confirm->counting += final;
            *place = (struct spool_kafka_place){partition, final ? COUNTS : NOTED, offset};
            (void)end_if(confirms, at, false, &over);
        }
    }
    mutex_unlock(&confirms->lock);
    tell(over);
}

static void settle_places(struct spool_delivery_wait *confirm, bool committed)
{
    for (uint32_t i = 0; i < confirm->event_count; i++)
        if (confirm->places[i].state == NOTED)
            confirm->places[i].state = committed ? COUNTS : NOT_YET;
    confirm->counting += committed ? confirm->noted : 0;
    confirm->noted = 0;
}

void spool_delivery_wait_settle(struct spool *spool, bool committed)
{
    struct spool_delivery_waits *confirms = spool->confirms;
    struct spool_delivery_wait *over = NULL;
    if (!spool_delivery_wait_any(spool))
        return;
    mutex_lock(&confirms->lock);
    for (unsigned at = 0; at < atomic_load(&confirms->listed);) {
        if (confirms->list[at]->noted > 0)
            settle_places(confirms->list[at], committed);
        if (!end_if(confirms, at, false, &over))
            at++;
    }
    mutex_unlock(&confirms->lock);
    tell(over);
}
