/* SPDX-License-Identifier: MIT
 * spool_fixture.h - a real spool in a temporary directory, and the vocabulary to tell stories with
 * it. */
#ifndef PENSTOCK_TESTS_SPOOL_FIXTURE_H
#define PENSTOCK_TESTS_SPOOL_FIXTURE_H

#include "spool/spool.h"

struct spool_fixture {
    char dir[256];
    struct spool_options options; /* path points at dir; change what a test needs before opening */
    struct spool *spool;
};

void spool_fixture_init(struct spool_fixture *f);  /* makes the directory; doesn't open */
void spool_fixture_open(struct spool_fixture *f);  /* fails the test when it can't */
void spool_fixture_close(struct spool_fixture *f); /* a clean stop */
void spool_fixture_done(struct spool_fixture *f);  /* closes and removes the directory */

/* Makes the spool forget that it was closed: the directory goes back to how it was copied. */
void spool_fixture_copy(const struct spool_fixture *f, const char *to_dir);

/* Submits count events with the values "<prefix>0", "<prefix>1", … to a topic in one batch, and
 * waits for the sync. */
struct spool_receipt spool_fixture_append(struct spool_fixture *f, const char *topic,
                                          const char *prefix, uint32_t count);

/* Reads everything after an id; returns how many events; each value must follow the ids in
 * order. */
struct spool_seen {
    uint64_t count;
    uint64_t first_id, last_id;
    char first[64], last[64]; /* their values */
};
struct spool_seen spool_fixture_read(struct spool_fixture *f, uint64_t after_id);

/* Tells the spool that all events of that topic up to done_id are delivered, `count` of them. */
void spool_fixture_advance(struct spool_fixture *f, const char *topic, uint64_t done_id,
                           uint64_t count);

/* 10 s, or PENSTOCK_WAIT_MS: where faults are planted, many waits are in vain. */
int spool_fixture_wait_ms(void);

/* Waits (bounded) until the condition holds; fails the test otherwise. */
#define SPOOL_FIXTURE_WAIT(condition)                                                              \
    do {                                                                                           \
        for (int wait_i = 0; !(condition); wait_i++) {                                             \
            if (wait_i > spool_fixture_wait_ms() / 10)                                             \
                fail_msg("waited %d ms in vain for %s", spool_fixture_wait_ms(), #condition);      \
            usleep(10000);                                                                         \
        }                                                                                          \
    } while (0)

#endif
