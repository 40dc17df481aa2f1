/* SPDX-License-Identifier: MIT
 * topics.h - every topic the spool has met, with its books. Any thread may call. */
#ifndef PENSTOCK_SPOOL_LEDGER_TOPICS_H
#define PENSTOCK_SPOOL_LEDGER_TOPICS_H

#include "base/bytes.h"
#include "base/err.h"
#include "spool/format/frame.h"

#include <pthread.h>
#include <stdatomic.h>

/* A topic lives as long as the table. Per topic accepted = delivered + pending + dead_lettered +
 * lost, once the events that an earlier run left are counted. */
struct spool_topic {
    struct spool_topic *next_in_bucket;
    uint32_t index; /* dense from 0, in order of first meeting */
    atomic_uint_fast64_t accepted;
    atomic_int_fast64_t pending;
    atomic_uint_fast64_t pending_bytes; /* spool/ledger/topic_share.h */
    atomic_bool over_share;             /* refused until it has drained */
    atomic_uint_fast64_t delivered;
    atomic_uint_fast64_t dead_lettered;
    atomic_uint_fast64_t lost;
    uint8_t name_size;
    char name[SPOOL_TOPIC_SIZE_MAX + 1];
};

struct spool_topics {
    pthread_rwlock_t lock; /* guards the tables below, not the counters of the topics */
    struct spool_topic **buckets;
    struct spool_topic **by_index;
    size_t bucket_count; /* a power of two */
    size_t count;
};

enum err spool_topics_init(struct spool_topics *topics); /* ERR_NOMEM */
void spool_topics_done(struct spool_topics *topics);

/* The topic of that name, made when the name is new. count_max bounds the number of topics (0: no
 * limit).
 * Errors: ERR_INVALID (empty or longer than 249 bytes), ERR_FULL (would be more than count_max),
 * ERR_NOMEM */
enum err spool_topics_get(struct spool_topics *topics, struct bytes name, size_t count_max,
                          struct spool_topic **ret_topic);

size_t spool_topics_count(struct spool_topics *topics);
struct spool_topic *spool_topics_at(struct spool_topics *topics, size_t index);

#endif
