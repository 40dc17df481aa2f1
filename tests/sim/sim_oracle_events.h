/* SPDX-License-Identifier: MIT
 * sim_oracle_events.h - what the oracle's files share: its events and what happened to them. */
#ifndef PENSTOCK_TESTS_SIM_ORACLE_EVENTS_H
#define PENSTOCK_TESTS_SIM_ORACLE_EVENTS_H

#include "tests/sim/sim_oracle.h"

#define SIM_VALUE_MARK     "#EV"
#define SIM_VALUE_HEAD     12 /* mark, 8 hexadecimal digits, ';' */
#define SIM_QUAKES_MAX     4096
#define SIM_TOPICS_MAX     64
#define SIM_UNREADABLE_MAX 64

enum sim_fate { SIM_SUBMITTED, SIM_REFUSED, SIM_UNKNOWN, SIM_ACKED };

struct sim_event {
    const char *topic;
    uint32_t key, size;
    enum sim_fate fate;
    uint64_t id; /* 0: no receipt named it */
    uint32_t batch;
    int64_t acked_ms;
    int64_t confirmed_ms; /* the bridge was told that Kafka has it; 0: never */
    int64_t settled_ms;   /* from then on nothing may doubt that; INT64_MAX: never */
    unsigned seen;
    uint64_t first_record, last_record;
    int64_t first_seen_ms, last_seen_ms;
    int partition;
    bool late;   /* labelled: order is not promised */
    bool poison; /* larger than Kafka takes at times */
    bool dead;   /* seen among the letters */
    int64_t dead_ms;
    bool letter_rotten, letter_gone, requeued;
    bool damaged, removed; /* its bytes were hit, or may have been */
    int64_t damaged_ms;
};

/* A time in which cursors may not have been written. */
struct sim_quake {
    int64_t from_ms, to_ms;
};

struct sim_topic_trouble {
    const char *topic;
    int count;
    int64_t changed_ms;
};

struct sim_oracle {
    struct sim_verdict *verdict;
    const char *known;
    struct sim_event *events;
    size_t event_count, event_capacity;
    uint64_t acked;
    uint32_t batch;
    uint64_t records_taken;
    struct sim_quake quakes[SIM_QUAKES_MAX];
    size_t quake_count;
    int disturbed;
    int64_t disturbed_since_ms, calm_since_ms;
    struct sim_topic_trouble troubles[SIM_TOPICS_MAX];
    size_t trouble_count;
    int unreadable;
    uint64_t unreadable_ids[SIM_UNREADABLE_MAX];
    size_t unreadable_count;
    int64_t readable_since_ms;
    uint64_t removed_ids[SIM_UNREADABLE_MAX]; /* segments that were taken away at some time */
    unsigned rotten_bytes, cursors_rotten, removed_segments;
    uint64_t requeued;
    int64_t forked_ms; /* events accepted later may be gone; INT64_MAX: never forked */
    bool running, books_looked;
    int64_t started_ms, ended_ms; /* of the agent */
    uint64_t watch_turn;
};

extern struct sim_oracle sim_oracle;

struct sim_event *sim_oracle_number_of(const uint8_t *value, size_t size); /* NULL: not ours */
void sim_oracle_take_records(void);
/* Nothing was wrong with the topic in Kafka from then on, and nothing is. */
bool sim_oracle_topic_well_since(const char *topic, int64_t since_ms);
/* Fills in settled_ms of all events. */
void sim_oracle_settle(void);

#endif
