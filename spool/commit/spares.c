/* SPDX-License-Identifier: MIT
 * spares.c - segments that change hands between the committer and the keeper. */
#include "spool/commit/spares.h"

#include "base/clock.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"

#include <stdlib.h>

enum { MAKE_BACKOFF_MS_MIN = 100, MAKE_BACKOFF_MS_MAX = 5000 };

void spool_spares_wait_longer(struct spool_spares *spares)
{
    spares->make_backoff_ms =
        spares->make_backoff_ms == 0 ? MAKE_BACKOFF_MS_MIN : spares->make_backoff_ms * 2;
    if (spares->make_backoff_ms > MAKE_BACKOFF_MS_MAX)
        spares->make_backoff_ms = MAKE_BACKOFF_MS_MAX;
    spares->make_again_ms = clock_monotonic_ms() + spares->make_backoff_ms;
}

void spool_spares_commit_failed(struct spool *spool)
{
    struct spool_spares *spares = &spool->spares;
    mutex_lock(&spares->lock);
    atomic_store(&spool->committer.unavailable, true);
    spares->spare_wanted = true;
    spool_spares_wait_longer(spares);
    mutex_unlock(&spares->lock);
}

void spool_spares_note_trouble(struct spool *spool, const struct errmsg *why)
{
    mutex_lock(&spool->spares.lock);
    spool->spares.trouble = *why;
    mutex_unlock(&spool->spares.lock);
}

void spool_spares_trouble(struct spool *spool, struct errmsg *ret_why)
{
    mutex_lock(&spool->spares.lock);
    *ret_why = spool->spares.trouble;
    mutex_unlock(&spool->spares.lock);
}

void spool_spares_accept_again(struct spool *spool)
{
    struct spool_spares *spares = &spool->spares;
    mutex_lock(&spares->lock);
    bool again = spares->spare != NULL && clock_monotonic_ms() >= spares->make_again_ms &&
                 atomic_exchange(&spool->committer.unavailable, false);
    mutex_unlock(&spares->lock);
    if (again)
        spool_say(spool, false, "accepting_again", "after=disk_error");
}

struct spool_segment *spool_spares_take(struct spool *spool)
{
    struct spool_spares *spares = &spool->spares;
    mutex_lock(&spares->lock);
    spares->spare_awaited = true;
    spares->spare_wanted = true;
    pthread_cond_signal(&spares->wake);
    while (spares->spare == NULL && !spares->making_failed)
        mutex_wait(&spares->lock, &spares->made);
    struct spool_segment *segment = spares->spare;
    spares->spare = NULL;
    spares->spare_awaited = false;
    if (segment != NULL)
        spares->spare_wanted = false;
    mutex_unlock(&spares->lock);
    return segment;
}

bool spool_spares_are_awaited(struct spool *spool)
{
    struct spool_spares *spares = &spool->spares;
    mutex_lock(&spares->lock);
    bool awaited = spares->spare_awaited && spares->spare == NULL && !spares->making_failed;
    mutex_unlock(&spares->lock);
    return awaited;
}

void spool_spares_want(struct spool *spool, uint64_t live_log_bytes)
{
    struct spool_spares *spares = &spool->spares;
    if (live_log_bytes < spool->options.segment_bytes / 4)
        return;
    mutex_lock(&spares->lock);
    if (spares->spare == NULL && !spares->spare_wanted) {
        spares->spare_wanted = true;
        pthread_cond_signal(&spares->wake);
    }
    mutex_unlock(&spares->lock);
}

void spool_spares_close_later(struct spool *spool, struct spool_segment *segment)
{
    struct spool_spares *spares = &spool->spares;
    mutex_lock(&spares->lock);
    bool room = spares->closing_count < spares->closing_capacity;
    if (!room) {
        size_t capacity = spares->closing_capacity == 0 ? 8 : spares->closing_capacity * 2;
        struct spool_segment **closing =
            realloc(spares->closing, capacity * sizeof(struct spool_segment *));
        if (closing != NULL) {
            spares->closing = closing;
            spares->closing_capacity = capacity;
            room = true;
        }
    }
    if (room)
        spares->closing[spares->closing_count++] = segment;
    pthread_cond_signal(&spares->wake);
    mutex_unlock(&spares->lock);
    if (!room)
        spool_segment_free(segment); /* out of memory: close it here, although that blocks the
                                      * committer */
}

void spool_spares_close_segments(struct spool_spares *spares)
{
    mutex_lock(&spares->lock);
    while (spares->closing_count > 0) {
        struct spool_segment *segment = spares->closing[--spares->closing_count];
        mutex_unlock(&spares->lock);
        spool_segment_free(segment);
        mutex_lock(&spares->lock);
    }
    mutex_unlock(&spares->lock);
}
