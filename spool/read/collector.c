/* SPDX-License-Identifier: MIT
 * collector.c - takes each event once, fills chunks, finds what is missing. */
#include "spool/read/collector.h"

#include <stdlib.h>

enum {
    CHUNK_TARGET = 256 << 10,
};

void spool_collector_done(struct spool_collector *sieve)
{
    spool_index_set_free(&sieve->seen);
    spool_chunk_unref(sieve->filling);
    for (size_t i = 0; i < sieve->ready_count; i++)
        spool_chunk_unref(sieve->ready[sieve->ready_first + i]);
    free(sieve->ready);
    spool_ranges_free(&sieve->findings.lost);
    spool_ranges_free(&sieve->findings.uncertain);
    spool_ranges_free(&sieve->indexes);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static enum err finish_filling(struct spool_collector *sieve)
{
    if (sieve->ready_first + sieve->ready_count == sieve->ready_capacity) {
        size_t capacity = sieve->ready_capacity == 0 ? 16 : sieve->ready_capacity * 2;
        struct spool_chunk **ready = realloc(sieve->ready, capacity * sizeof *ready);
        if (ready == NULL)
            return ERR_NOMEM;
        sieve->ready = ready;
        sieve->ready_capacity = capacity;
    }
    sieve->ready[sieve->ready_first + sieve->ready_count++] = sieve->filling;
    sieve->filling = NULL;
    return ERR_OK;
}

static enum err keep_event(struct spool_collector *sieve, const struct spool_frame *frame,
                           const uint8_t *raw, bool damaged)
{
    const struct spool_chunk *chunk = sieve->filling;
    if (chunk != NULL &&
        (chunk->salvaged != damaged || frame->size > chunk->capacity - chunk->size)) {
        enum err rc = finish_filling(sieve);
        if (rc != ERR_OK)
            return rc;
    }
    if (sieve->filling == NULL) {
        sieve->filling = spool_chunk_new(frame->size > CHUNK_TARGET ? frame->size : CHUNK_TARGET);
        if (sieve->filling == NULL)
            return ERR_NOMEM;
        sieve->filling->salvaged = damaged;
    }
    spool_chunk_append(sieve->filling, raw, frame->size);
    spool_chunk_count(sieve->filling, frame->id);
    return ERR_OK;
}

/* A chunk lives until Kafka has its events: give back the memory that it doesn't use. */
static void trim(struct spool_chunk *chunk)
{
    if (chunk->size > chunk->capacity / 2)
        return;
    uint8_t *data = realloc(chunk->data, chunk->size);
    if (data == NULL)
        return;
    chunk->data = data;
    chunk->capacity = chunk->size;
}

struct spool_chunk *spool_collector_take(struct spool_collector *sieve, bool partial)
{
    struct spool_chunk *chunk = NULL;
    if (sieve->ready_count > 0) {
        chunk = sieve->ready[sieve->ready_first++];
        if (--sieve->ready_count == 0)
            sieve->ready_first = 0;
    } else if (partial && sieve->filling != NULL) {
        chunk = sieve->filling;
        sieve->filling = NULL;
        trim(chunk);
    }
    return chunk;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void note_time(struct spool_findings *findings, int64_t time_ms)
{
    if (findings->event_count == 0 || time_ms < findings->first_time_ms)
        findings->first_time_ms = time_ms;
    if (findings->event_count == 0 || time_ms > findings->last_time_ms)
        findings->last_time_ms = time_ms;
}

static enum err take_event(struct spool_collector *sieve, const struct spool_frame *frame,
                           const uint8_t *raw, bool damaged)
{
    uint32_t index = spool_id_index(frame->id);
    bool is_new = false;
    if (sieve->parked_known && !spool_ranges_have(&sieve->indexes, index))
        return ERR_OK; /* a stale block of the original segment */
    enum err rc = spool_index_set_reserve(&sieve->seen, index, &is_new);
    bool wanted =
        index >= sieve->first_index && (sieve->below_index == 0 || index < sieve->below_index);
    if (rc == ERR_OK && is_new && wanted)
        rc = keep_event(sieve, frame, raw, damaged);
    if (rc != ERR_OK || !is_new)
        return rc;
    spool_index_set_add(&sieve->seen, index);
    note_time(&sieve->findings, frame->event.time_ms);
    sieve->findings.event_count++;
    return ERR_OK;
}

static void take_seal(struct spool_collector *sieve, const struct spool_frame *frame)
{
    struct spool_seal seal;
    if (!spool_seal_get(frame, &seal) || seal.event_count > sieve->count_limit)
        return; /* the seal stood in a batch that was refused */
    sieve->findings.sealed = true;
    sieve->findings.sealed_count = seal.event_count;
}

static enum err take_parked(struct spool_collector *sieve, const struct spool_frame *frame)
{
    if (sieve->parked_known)
        return ERR_OK;
    enum err rc = spool_parked_get(frame, &sieve->indexes);
    sieve->parked_known = rc == ERR_OK;
    sieve->parked |= rc == ERR_OK;
    return rc == ERR_DAMAGED ? ERR_OK : rc;
}

enum err spool_collector_frame(void *arg, const struct spool_frame *frame, const uint8_t *raw,
                               bool damaged)
{
    struct spool_collector *sieve = arg;
    struct spool_findings *findings = &sieve->findings;
    bool is_event = frame->kind == SPOOL_FRAME_EVENT || frame->kind == SPOOL_FRAME_MOVED;
    if (is_event && spool_id_index(frame->id) >= sieve->count_limit)
        return ERR_OK; /* the event was moved on, or refused */
    enum err rc = is_event                            ? take_event(sieve, frame, raw, damaged)
                  : frame->kind == SPOOL_FRAME_PARKED ? take_parked(sieve, frame)
                                                      : ERR_OK;
    if (rc != ERR_OK)
        return rc;
    if (frame->batch_first > findings->acknowledged_below &&
        frame->batch_first <= sieve->count_limit)
        findings->acknowledged_below = frame->batch_first;
    if (frame->kind == SPOOL_FRAME_HEADER && !findings->header_found)
        findings->header_found = spool_header_get(frame, &findings->header);
    if (frame->kind == SPOOL_FRAME_SEAL) {
        take_seal(sieve, frame);
        sieve->seal_in_damage = damaged;
    }
    if (frame->kind == SPOOL_FRAME_SEAL || frame->kind == SPOOL_FRAME_LINK)
        findings->any_batch = true;
    return ERR_OK; /* kinds of later versions are passed over */
}

/* ---- conclusions ----------------------------------------------------------------------------- */

void spool_collector_zeros(struct spool_collector *sieve, uint64_t bytes)
{
    sieve->zeros_behind += bytes;
}

/* Counts zeros as damage once other bytes follow them: they were no reserved room at the end. */
static void judge_zeros(struct spool_collector *sieve)
{
    sieve->findings.damaged_bytes += sieve->zeros_behind;
    sieve->damage_unexplained += sieve->zeros_behind;
    sieve->zeros_behind = 0;
}

void spool_collector_damage(struct spool_collector *sieve, uint64_t bytes, bool unwritten)
{
    judge_zeros(sieve);
    sieve->unwritten = unwritten;
    sieve->findings.damaged_bytes += bytes;
    sieve->damage_unexplained += bytes;
}

void spool_collector_record(struct spool_collector *sieve)
{
    judge_zeros(sieve);
    /* A record is written only after the one before was synced: damage before an intact record is
     * no torn write. */
    if (sieve->damage_unexplained > 0)
        sieve->findings.damaged = true;
    sieve->damage_unexplained = 0;
}

void spool_collector_rewind(struct spool_collector *sieve)
{
    sieve->damage_unexplained = sieve->zeros_behind = 0;
    sieve->findings.damaged_bytes = 0;
}

bool spool_collector_complete(const struct spool_collector *sieve)
{
    return sieve->findings.sealed && sieve->findings.event_count == sieve->findings.sealed_count;
}

enum err spool_collector_missing(const struct spool_collector *sieve, uint32_t from, uint32_t below,
                                 struct spool_ranges *ret_missing)
{
    struct spool_ranges gaps = {0};
    *ret_missing = gaps;
    if (sieve->parked && !sieve->parked_known)
        return ERR_OK;
    enum err rc = spool_index_set_gaps(&sieve->seen, from, below, &gaps);
    if (rc == ERR_OK && sieve->parked)
        rc = spool_ranges_and(&gaps, &sieve->indexes, ret_missing);
    else
        *ret_missing = gaps;
    if (sieve->parked)
        spool_ranges_free(&gaps);
    return rc;
}

/* A parked segment was complete before it was read, and lists its events: none of them is
 * uncertain, and no crash explains damage. */
static enum err conclude_parked(struct spool_collector *sieve)
{
    struct spool_findings *findings = &sieve->findings;
    const struct spool_ranges *indexes = &sieve->indexes;
    uint32_t below = indexes->count == 0 ? 0 : indexes->items[indexes->count - 1].last + 1;
    enum err rc = spool_collector_missing(sieve, 0, below, &findings->lost);
    if (rc != ERR_OK)
        return rc;
    findings->highest_index = sieve->seen.count == 0 ? 0 : sieve->seen.highest;
    findings->parked_unknown = !sieve->parked_known;
    findings->damaged |= findings->lost.total > 0 || !findings->header_found ||
                         !sieve->parked_known || !findings->sealed || sieve->damage_unexplained > 0;
    return ERR_OK;
}

/* Concludes which events must be there and which may be: docs/spool-format.md, "What a reader
 * concludes". */
enum err spool_collector_conclude(struct spool_collector *sieve)
{
    struct spool_findings *findings = &sieve->findings;
    uint32_t must = findings->acknowledged_below,
             found = sieve->seen.count == 0 ? 0 : sieve->seen.highest + 1;
    if (findings->sealed && findings->sealed_count > must)
        must = findings->sealed_count;
    if (sieve->count_limit != SPOOL_COUNT_UNKNOWN && sieve->count_limit > must)
        must = sieve->count_limit;
    struct spool_ranges lost = {0}, uncertain = {0};
    if (sieve->parked)
        return conclude_parked(sieve);
    enum err rc = spool_index_set_gaps(&sieve->seen, 0, must, &lost);
    if (rc == ERR_OK && found > must)
        rc = spool_index_set_gaps(&sieve->seen, must, found, &uncertain);
    if (rc != ERR_OK) {
        spool_ranges_free(&lost);
        return rc;
    }
    findings->lost = lost;
    findings->uncertain = uncertain;
    findings->highest_index = found == 0 ? 0 : found - 1;
    bool torn = sieve->damage_unexplained > 0,
         seal_torn = sieve->seal_in_damage && sieve->unwritten;
    findings->empty = findings->header_found && found == 0 && !findings->any_batch &&
                      !findings->damaged && !torn && must == 0;
    /* A crash explains a torn end, and gaps in it. Damage in these cases has another cause: bytes
     * after a seal whose own write was whole, and gaps without damage around. */
    if (lost.total > 0 || !findings->header_found || (findings->sealed && torn && !seal_torn) ||
        (uncertain.total > 0 && !torn && sieve->zeros_behind == 0))
        findings->damaged = true;
    return ERR_OK;
}
