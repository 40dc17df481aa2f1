/* SPDX-License-Identifier: MIT
 * sim_oracle.h - the judge: knows what clients were told, which bytes the simulation itself has
 * damaged, and what a consumer of Kafka sees; and nothing of the spool's own bookkeeping.
 *
 * An event has a running number that stands in its value; a number is submitted once. Findings have
 * a kind; kinds that are listed as known are counted and the history goes on. */
#ifndef PENSTOCK_TESTS_SIM_ORACLE_H
#define PENSTOCK_TESTS_SIM_ORACLE_H

#include "spool/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_KINDS_MAX 64

/* Shared with the parent process, which reads it after the history's end. */
struct sim_verdict {
    char kind[64]; /* of the finding that made it red; "": none */
    char text[512];
    char known[SIM_KINDS_MAX][64]; /* kinds met that are known */
    unsigned known_count;
    uint64_t events, records;
    int64_t virtual_ms;
    uint64_t hash;
};

/* known: kinds, one a line, that don't end the history. All pointers outlive the history. */
void sim_oracle_begin(struct sim_verdict *verdict, const char *known);
/* A finding. Returns only when its kind is known. */
void sim_oracle_find(const char *kind, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void sim_oracle_sum_up(void); /* fills in the verdict's numbers */

/* ---- what clients do and are told ------------------------------------------------------------ */

/* A new event, to be submitted next. Topic names outlive the history. */
uint32_t sim_oracle_event(const char *topic, uint32_t key, uint32_t size);
/* Writes the value of an event: size bytes. */
void sim_oracle_value(uint32_t number, uint8_t *value, size_t size);
void sim_oracle_refused(uint32_t first, uint32_t count); /* surely not stored */
/* The answer to `count` events that were submitted together. */
void sim_oracle_receipt(uint32_t first, uint32_t count, const struct spool_receipt *receipt);
void sim_oracle_oversized(
    uint32_t number); /* larger than Kafka takes for now: may become a letter */

/* ---- what the simulation does ---------------------------------------------------------------- */

void sim_oracle_started(void); /* an agent has opened the spool */
void sim_oracle_died(void);    /* kill, power cut */
void sim_oracle_stopped(void);
/* Disturbances: while one lasts, cursors may not be written and nothing is settled. */
void sim_oracle_disturb(int delta);                    /* +1: one begins; -1: one ends */
void sim_oracle_trouble(const char *topic, int delta); /* of a topic in Kafka; NULL: all topics */
/* A read error on one segment (0: on others than segments) begins or ends. */
void sim_oracle_unreadable(uint64_t segment_id, int delta);
/* Byte `offset` of a file is about to rot: finds the events that it may hit. */
void sim_oracle_rot(const char *path, uint64_t offset);
void sim_oracle_removed(uint64_t segment_id);  /* a segment's directory was taken away … */
void sim_oracle_put_back(uint64_t segment_id); /* … and is back */
/* Another copy of the spool has run, or an older one was put back: events accepted after since_ms
 * may be gone, repeats are expected, the books are no longer comparable. */
void sim_oracle_history_forked(int64_t since_ms);
/* Letters were requeued or dropped: their events may come again, or never. */
void sim_oracle_letter_gone(uint64_t id, bool requeued);

/* ---- judging --------------------------------------------------------------------------------- */

/* Every second or so, on a fiber of the program, of an open spool. */
void sim_oracle_watch(struct spool *spool);
bool sim_oracle_all_there(void); /* every event that must arrive has */
/* At the end, everything mended and given time. */
void sim_oracle_judge(struct spool *spool);
/* A copy was drained: everything pending must have arrived. */
void sim_oracle_judge_drained(struct spool *spool);
uint64_t sim_oracle_acked(void);
/* How long nothing has disturbed the disk or all of Kafka; 0: something does now. */
int64_t sim_oracle_calm_ms(void);

#endif
