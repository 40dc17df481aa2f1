/* SPDX-License-Identifier: MIT
 * sim_oracle_judge.c - the rules of docs/delivery.md, applied to what happened. */
#include "spool/spool_event_status.h"
#include "spool/spool_letters.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_oracle_events.h"
#include "tests/sim/sim_sched.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALM_MS        10000  /* so long undisturbed: cursors are written */
#define BOOKS_MS       30000  /* books balance within that time of any start */
#define FLOW_MS        45000  /* what nothing holds up arrives within that time */
#define RETRY_MS       120000 /* a segment that could not be read is tried again by then */
#define DESCRIPTORS_OK 80
#define SEGMENTS_OK    12

static struct sim_oracle *const o = &sim_oracle;

static bool arrived(const struct sim_event *event)
{
    return event->seen > 0;
}

/* Must it be in Kafka in the end? */
static bool is_due(const struct sim_event *event)
{
    return event->fate == SIM_ACKED && !event->dead && !event->letter_gone && !event->damaged &&
           event->acked_ms < o->forked_ms;
}

bool sim_oracle_all_there(void)
{
    sim_oracle_take_records();
    for (size_t i = 0; i < o->event_count; i++)
        if (is_due(&o->events[i]) && !arrived(&o->events[i]))
            return false;
    return true;
}

/* ---- settled --------------------------------------------------------------------------------- */

static int by_topic_and_id(const void *a, const void *b)
{
    const struct sim_event *x = *(struct sim_event *const *)a, *y = *(struct sim_event *const *)b;
    int topics = strcmp(x->topic, y->topic);
    return topics != 0 ? topics : (x->id > y->id) - (x->id < y->id);
}

/* Accepted events, by topic and id; malloc'ed. */
static struct sim_event **sorted(size_t *ret_count)
{
    struct sim_event **all = malloc((o->event_count + 1) * sizeof(struct sim_event *));
    *ret_count = 0;
    for (size_t i = 0; i < o->event_count; i++)
        if (o->events[i].fate == SIM_ACKED)
            all[(*ret_count)++] = &o->events[i];
    qsort(all, *ret_count, sizeof(struct sim_event *), by_topic_and_id);
    return all;
}

/* The end of the first undisturbed stretch of CALM_MS after a moment. */
static int64_t calm_after(int64_t at_ms)
{
    for (bool moved = at_ms != INT64_MAX; moved;) {
        moved = false;
        for (size_t i = 0; i < o->quake_count; i++)
            if (o->quakes[i].from_ms <= at_ms + CALM_MS && o->quakes[i].to_ms > at_ms) {
                at_ms = o->quakes[i].to_ms;
                moved = true;
            }
    }
    return at_ms == INT64_MAX ? at_ms : at_ms + CALM_MS;
}

/* When nothing in front of it held the cursor of its topic any more. */
static int64_t done_ms(const struct sim_event *event)
{
    if (event->confirmed_ms != 0)
        return event->confirmed_ms;
    if (event->dead)
        return event->dead_ms;
    return event->damaged ? event->damaged_ms : INT64_MAX;
}

void sim_oracle_settle(void)
{
    size_t count;
    struct sim_event **all = sorted(&count);
    int64_t latest = 0, asked = -1, answer = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(all[i]->topic, all[i - 1]->topic) != 0)
            latest = 0;
        int64_t done = done_ms(all[i]);
        latest = done > latest ? done : latest;
        if (latest != asked)
            answer = calm_after(latest);
        asked = latest;
        all[i]->settled_ms = all[i]->confirmed_ms != 0 ? answer : INT64_MAX;
    }
    free(all);
}

static bool settled_before_damage(const struct sim_event *event)
{
    return event->settled_ms != 0 && event->settled_ms < event->damaged_ms;
}

/* ---- books ----------------------------------------------------------------------------------- */

struct truth {
    uint64_t acked, unknown, unknown_seen, doubtful, seen, dead, lost, unnoticed;
};

/* Its segment was taken away, and no start has looked since. */
static bool unnoticed(const struct sim_event *event)
{
    return event->removed && event->damaged_ms >= o->started_ms;
}

static bool in_the_last_batch(const struct sim_event *event)
{
    for (size_t i = 0; i < o->event_count; i++)
        if (o->events[i].fate == SIM_ACKED && o->events[i].batch > event->batch &&
            spool_id_segment(o->events[i].id) == spool_id_segment(event->id))
            return false;
    return true;
}

static struct truth find_truth(void)
{
    struct truth truth = {0};
    sim_oracle_settle();
    for (size_t i = 0; i < o->event_count; i++) {
        const struct sim_event *event = &o->events[i];
        bool unknown = event->fate == SIM_UNKNOWN || event->fate == SIM_SUBMITTED;
        truth.acked += event->fate == SIM_ACKED;
        truth.unknown += unknown;
        truth.unknown_seen += unknown && arrived(event);
        truth.seen += arrived(event);
        truth.dead += event->dead;
        truth.doubtful += event->damaged && !settled_before_damage(event);
        truth.lost += event->damaged && event->fate == SIM_ACKED && !arrived(event) &&
                      !event->dead && !unnoticed(event) && !in_the_last_batch(event);
        truth.unnoticed += unnoticed(event);
    }
    return truth;
}

static void books_wrong(const char *kind, const struct spool_books *books,
                        const struct truth *truth)
{
    sim_oracle_find(kind,
                    "accepted=%" PRIu64 " delivered=%" PRIu64 " pending=%" PRIu64 " dead=%" PRIu64
                    " lost=%" PRIu64 "; in truth acked=%" PRIu64 " unknown=%" PRIu64 " (%" PRIu64
                    " seen) seen=%" PRIu64 " dead=%" PRIu64 " lost=%" PRIu64 " doubtful=%" PRIu64
                    " requeued=%" PRIu64,
                    books->accepted, books->delivered, books->pending, books->dead_lettered,
                    books->lost, truth->acked, truth->unknown, truth->unknown_seen, truth->seen,
                    truth->dead, truth->lost, truth->doubtful, o->requeued);
}

/* `over`: all has arrived, the numbers are exact but for doubts. */
static void judge_books(struct spool *spool, bool over)
{
    struct spool_stats stats;
    spool_stats_get(spool, &stats);
    const struct spool_books *b = &stats.books;
    if (stats.counting) {
        sim_oracle_find("slow_start", "still counting %" PRId64 " ms after the start",
                        sim_now_ms() - o->started_ms);
        return;
    }
    if (o->forked_ms != INT64_MAX || o->cursors_rotten > 1)
        return; /* with both slots rotten nothing tells what was before */
    struct truth truth = find_truth();
    uint64_t low = truth.acked + o->requeued, high = low + truth.unknown;
    if (b->accepted != b->delivered + b->pending + b->dead_lettered + b->lost)
        books_wrong("books_dont_balance", b, &truth);
    else if (b->accepted + truth.doubtful < low)
        books_wrong("books_accepted_too_small", b, &truth);
    else if (b->accepted > high)
        books_wrong("books_accepted_too_large", b, &truth);
    else if (b->lost > truth.doubtful)
        books_wrong("books_lost_too_large", b, &truth);
    else if (b->delivered > truth.seen + o->requeued)
        books_wrong("books_delivered_too_large", b, &truth);
    else if (over && b->pending > truth.unnoticed)
        books_wrong("books_pending_for_ever", b, &truth);
    else if (over && b->lost < truth.lost)
        books_wrong("books_lost_too_small", b, &truth);
}

/* ---- receipts -------------------------------------------------------------------------------- */

static bool status_of(struct spool *spool, const struct sim_event *event, bool with_topic,
                      enum spool_event_status *ret)
{
    struct bytes topic = with_topic ? bytes_of_string(event->topic) : BYTES_NULL;
    struct errmsg msg;
    return spool_event_status_get(spool, event->id, topic, ret, &msg) == ERR_OK;
}

static void judge_receipt(struct spool *spool, struct sim_event *event, bool over)
{
    enum spool_event_status status;
    if (event->fate != SIM_ACKED || event->acked_ms >= o->forked_ms || event->letter_gone ||
        !status_of(spool, event, true, &status))
        return;
    sim_oracle_take_records();
    int number = (int)(event - o->events);
    if (status == SPOOL_EVENT_STATUS_DELIVERED && !arrived(event)) {
        const char *kind = event->dead || event->letter_rotten ? "rotten_letter_called_delivered"
                           : event->damaged                    ? "lost_event_called_delivered"
                                                               : "receipt_lies";
        if (!event->damaged || event->dead || event->letter_rotten || !in_the_last_batch(event))
            sim_oracle_find(kind, "event %d id=%" PRIu64 " is called delivered", number, event->id);
    }
    if (status == SPOOL_EVENT_STATUS_LOST && !event->damaged)
        sim_oracle_find("lost_although_intact", "event %d id=%" PRIu64 " is reported lost%s",
                        number, event->id, arrived(event) ? ", and was delivered" : "");
    if (status == SPOOL_EVENT_STATUS_LOST && arrived(event) && event->damaged &&
        settled_before_damage(event))
        sim_oracle_find("lost_although_delivered", "event %d id=%" PRIu64 " settled at %" PRId64,
                        number, event->id, event->settled_ms);
    if (over && status == SPOOL_EVENT_STATUS_ACCEPTED && !event->dead && arrived(event))
        sim_oracle_find("receipt_never_delivered", "event %d id=%" PRIu64, number, event->id);
    if (over && event->damaged && !unnoticed(event) && !arrived(event) && !event->dead &&
        !event->letter_rotten && !in_the_last_batch(event) && status == SPOOL_EVENT_STATUS_ACCEPTED)
        sim_oracle_find("damage_never_reported", "event %d id=%" PRIu64, number, event->id);
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void find_letters(struct spool *spool)
{
    for (size_t i = 0; i < o->event_count; i++) {
        struct sim_event *event = &o->events[i];
        if (event->fate != SIM_ACKED || event->dead || !event->poison)
            continue;
        if (spool_letters_have(spool, event->id)) {
            event->dead = true;
            event->dead_ms = sim_now_ms();
        }
    }
}

static bool is_unreadable(uint64_t id)
{
    for (size_t i = 0; i < o->unreadable_count; i++)
        if (o->unreadable_ids[i] == spool_id_segment(id))
            return true;
    return false;
}

/* Events of a topic that nothing holds up must arrive, whatever else is ill. */
static void look_for_standing_lanes(void)
{
    int64_t since_ms = sim_now_ms() - FLOW_MS;
    if (!o->running || o->disturbed > 0 || o->calm_since_ms > since_ms || o->rotten_bytes > 0 ||
        o->removed_segments > 0)
        return;
    for (size_t i = 0; i < o->event_count; i++) {
        const struct sim_event *event = &o->events[i];
        if (!is_due(event) || arrived(event) || event->acked_ms > since_ms || event->poison ||
            !sim_oracle_topic_well_since(event->topic, since_ms))
            continue;
        if (is_unreadable(event->id) &&
            (o->unreadable > 0 || sim_now_ms() - o->readable_since_ms < RETRY_MS))
            continue;
        sim_oracle_find(o->unreadable > 0 ? "lane_stands_at_unreadable_segment" : "lane_stands",
                        "event %zu of %s, accepted %" PRId64 " ms ago, doesn't arrive", i,
                        event->topic, sim_now_ms() - event->acked_ms);
        return;
    }
}

void sim_oracle_watch(struct spool *spool)
{
    sim_oracle_take_records();
    find_letters(spool);
    if (o->disturbed == 0 && !o->books_looked && sim_now_ms() - o->started_ms >= BOOKS_MS &&
        sim_now_ms() - o->calm_since_ms >= BOOKS_MS) {
        o->books_looked = true;
        judge_books(spool, false);
    }
    if (++o->watch_turn % 5 == 0)
        look_for_standing_lanes();
    for (int i = 0; i < 2 && o->event_count > 0; i++) {
        struct sim_event *event = &o->events[sim_random(o->event_count)];
        if (!arrived(event))
            judge_receipt(spool, event, false);
    }
}

/* ---- at the end ------------------------------------------------------------------------------ */

static void judge_order(void)
{
    size_t count;
    struct sim_event **all = sorted(&count);
    enum { KEYS = 64, PARTITIONS = 8 };
    const struct sim_event *before[KEYS][PARTITIONS] = {{NULL}};
    for (size_t i = 0; i < count; i++) {
        struct sim_event *event = all[i];
        if (i == 0 || strcmp(event->topic, all[i - 1]->topic) != 0)
            memset(before, 0, sizeof before);
        if (!arrived(event) || event->late || event->key == 0 || event->requeued ||
            event->damaged || o->forked_ms != INT64_MAX)
            continue;
        const struct sim_event **last = &before[event->key % KEYS][event->partition];
        if (*last != NULL && (*last)->first_record > event->last_record)
            sim_oracle_find("out_of_order", "%s: event %td came before event %td", event->topic,
                            event - o->events, *last - o->events);
        *last = event;
    }
    free(all);
}

static void judge_repeats(void)
{
    for (size_t i = 0; i < o->event_count; i++) {
        const struct sim_event *event = &o->events[i];
        if (event->fate != SIM_ACKED || event->seen < 2 || event->requeued || o->cursors_rotten > 0)
            continue;
        if (event->last_seen_ms > event->settled_ms && event->last_seen_ms < o->forked_ms)
            sim_oracle_find("delivered_again",
                            "event %zu, done since %" PRId64 " ms, came again at %" PRId64 " ms", i,
                            event->settled_ms, event->last_seen_ms);
    }
}

static void judge_arrivals(void)
{
    uint64_t missing = 0;
    size_t first = 0;
    for (size_t i = o->event_count; i-- > 0;)
        if (is_due(&o->events[i]) && !arrived(&o->events[i])) {
            missing++;
            first = i;
        }
    if (missing > 0)
        sim_oracle_find("acknowledged_event_never_delivered",
                        "%" PRIu64 " events, the first is event %zu of %s, id=%" PRIu64
                        " (segment %" PRIu64 " index %" PRIu64 "), accepted at %" PRId64 " ms",
                        missing, first, o->events[first].topic, o->events[first].id,
                        o->events[first].id >> 24, o->events[first].id & 0xffffff,
                        o->events[first].acked_ms);
}

static void judge_room(void)
{
    static char names[4096][64];
    size_t segments = sim_disk_list("spool/segments", names, 4096);
    if (segments > SEGMENTS_OK + o->rotten_bytes)
        sim_oracle_find("segments_stay", "%zu segments lie there although all is done", segments);
    if (sim_disk_descriptors() > DESCRIPTORS_OK)
        sim_oracle_find("descriptors_leak", "%u are open", sim_disk_descriptors());
}

void sim_oracle_judge(struct spool *spool)
{
    sim_oracle_take_records();
    find_letters(spool);
    struct spool_stats stats;
    spool_stats_get(spool, &stats);
    if (stats.counting) { /* all else waits for that */
        sim_oracle_find("slow_start", "still counting at the end, %" PRId64 " ms after the start",
                        sim_now_ms() - o->started_ms);
        return;
    }
    judge_arrivals();
    sim_oracle_settle();
    judge_repeats();
    judge_order();
    size_t step = o->event_count / 500 + 1;
    for (size_t i = 0; i < o->event_count; i++) {
        struct sim_event *event = &o->events[i];
        if (i % step == 0 || event->damaged || event->dead || event->letter_rotten ||
            !arrived(event))
            judge_receipt(spool, event, true);
    }
    judge_books(spool, true);
    judge_room();
}

void sim_oracle_judge_drained(struct spool *spool)
{
    sim_oracle_take_records();
    find_letters(spool);
    judge_arrivals();
}
