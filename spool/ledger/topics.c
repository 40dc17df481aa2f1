/* SPDX-License-Identifier: MIT
 * topics.c - a hash table of topics that only grows. */
#include "spool/ledger/topics.h"

#include <stdlib.h>
#include <xxhash.h>

enum { BUCKETS_AT_START = 64 };

enum err spool_topics_init(struct spool_topics *topics)
{
    *topics = (struct spool_topics){.bucket_count = BUCKETS_AT_START};
    topics->buckets = calloc(BUCKETS_AT_START, sizeof(struct spool_topic *));
    topics->by_index = calloc(BUCKETS_AT_START, sizeof(struct spool_topic *));
    if (topics->buckets == NULL || topics->by_index == NULL) {
        free(topics->buckets);
        free(topics->by_index);
        return ERR_NOMEM;
    }
    pthread_rwlock_init(&topics->lock, NULL);
    return ERR_OK;
}

void spool_topics_done(struct spool_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        free(topics->by_index[i]);
    free(topics->by_index);
    free(topics->buckets);
    pthread_rwlock_destroy(&topics->lock);
}

static struct spool_topic **bucket_of(const struct spool_topics *topics, struct bytes name)
{
    return &topics->buckets[XXH3_64bits(name.data, name.size) & (topics->bucket_count - 1)];
}

static struct spool_topic *find(const struct spool_topics *topics, struct bytes name)
{
    struct spool_topic *topic = *bucket_of(topics, name);
    while (topic != NULL &&
           (topic->name_size != name.size || memcmp(topic->name, name.data, name.size) != 0))
        topic = topic->next_in_bucket;
    return topic;
}

/* Doubles both tables when they are full; by_index is as long as there are buckets. */
static bool make_room(struct spool_topics *topics)
{
    if (topics->count < topics->bucket_count)
        return true;
    size_t bucket_count = topics->bucket_count * 2;
    struct spool_topic **by_index = realloc(topics->by_index, bucket_count * sizeof *by_index);
    if (by_index == NULL)
        return false;
    topics->by_index = by_index;
    struct spool_topic **buckets = calloc(bucket_count, sizeof(struct spool_topic *));
    if (buckets == NULL)
        return false;
    free(topics->buckets);
    topics->buckets = buckets;
    topics->bucket_count = bucket_count;
    for (size_t i = 0; i < topics->count; i++) {
        struct spool_topic *topic = by_index[i],
                           **bucket = bucket_of(topics, bytes_of(topic->name, topic->name_size));
        topic->next_in_bucket = *bucket;
        *bucket = topic;
    }
    return true;
}

static enum err add(struct spool_topics *topics, struct bytes name, struct spool_topic **ret_topic)
{
    struct spool_topic *topic = make_room(topics) ? calloc(1, sizeof *topic) : NULL;
    if (topic == NULL)
        return ERR_NOMEM;
    memcpy(topic->name, name.data, name.size);
    topic->name_size = (uint8_t)name.size;
    topic->index = (uint32_t)topics->count;
    struct spool_topic **bucket = bucket_of(topics, name);
    topic->next_in_bucket = *bucket;
    *bucket = topic;
    topics->by_index[topics->count++] = topic;
    *ret_topic = topic;
    return ERR_OK;
}

enum err spool_topics_get(struct spool_topics *topics, struct bytes name, size_t count_max,
                          struct spool_topic **ret_topic)
{
    if (name.size == 0 || name.size > SPOOL_TOPIC_SIZE_MAX)
        return ERR_INVALID;
    pthread_rwlock_rdlock(&topics->lock);
    struct spool_topic *topic = find(topics, name);
    pthread_rwlock_unlock(&topics->lock);
    enum err rc = ERR_OK;
    if (topic == NULL) {
        pthread_rwlock_wrlock(&topics->lock);
        topic = find(topics, name);
        if (topic == NULL)
            rc = count_max > 0 && topics->count >= count_max ? ERR_FULL : add(topics, name, &topic);
        pthread_rwlock_unlock(&topics->lock);
    }
    if (rc == ERR_OK)
        *ret_topic = topic;
    return rc;
}

size_t spool_topics_count(struct spool_topics *topics)
{
    pthread_rwlock_rdlock(&topics->lock);
    size_t count = topics->count;
    pthread_rwlock_unlock(&topics->lock);
    return count;
}

struct spool_topic *spool_topics_at(struct spool_topics *topics, size_t index)
{
    pthread_rwlock_rdlock(&topics->lock);
    struct spool_topic *topic = topics->by_index[index];
    pthread_rwlock_unlock(&topics->lock);
    return topic;
}
