/* SPDX-License-Identifier: MIT
 * background.c - the body of the background thread. */
#include "spool/open/background.h"

#include "base/priority.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"
#include "spool/park/parker.h"
#include "spool/recover/count.h"
#include "spool/recover/unreadable.h"
#include "spool/recover/vanished.h"

#include <inttypes.h>
#include <time.h>

enum { TICK_MS = 50, BACKGROUND_NICE = 10 };

/* Waits until the next tick, or the spool's end. */
static void wait_a_tick(struct spool *spool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    mutex_lock(&spool->lock);
    for (int rc = 0; rc == 0 && !atomic_load(&spool->closing);)
        rc = mutex_wait_until(&spool->lock, &spool->counted, &until);
    mutex_unlock(&spool->lock);
}

void *spool_background_main(void *arg)
{
    struct spool *spool = arg;
    uint64_t position = 0;
    priority_lower(BACKGROUND_NICE);
    spool_vanished_find(spool);
    while (!atomic_load(&spool->closing)) {
        mutex_lock(&spool->lock);
        struct spool_entry *entry = spool_catalog_next(&spool->catalog, position);
        uint64_t id = entry != NULL && entry->state == SPOOL_ENTRY_OLD ? entry->id : 0;
        mutex_unlock(&spool->lock);
        if (id == 0)
            break;
        position = spool_position_end_of(id);
        struct errmsg msg = {""};
        if (spool_count_entry(spool, id, &msg) != ERR_OK)
            spool_say(spool, true, "segment_not_counted", "segment=%" PRIu64 " error=\"%s\"", id,
                      msg.text);
    }
    atomic_store(&spool->counting, false);
    while (!atomic_load(&spool->closing)) {
        spool_parker_tend(spool);
        spool_unreadable_tend(spool, spool_parker_tend);
        wait_a_tick(spool);
    }
    return NULL;
}
