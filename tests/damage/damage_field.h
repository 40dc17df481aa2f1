/* SPDX-License-Identifier: MIT
 * damage_field.h - an undamaged spool, made by the spool itself, and all that is known of it: which
 * byte belongs to which event.
 *
 * What it holds is known without the product's readers: from what was submitted, the receipts, and
 * the documented formats. Everything fails the running test when it can't. */
#ifndef PENSTOCK_TESTS_DAMAGE_FIELD_H
#define PENSTOCK_TESTS_DAMAGE_FIELD_H

#include "spool/spool.h"
#include "tests/support/segment_map.h"

enum { FIELD_SEGMENTS_MAX = 600, FIELD_RUNS_MAX = 4, FIELD_VALUE_MAX = 80000 };

/* How a spool comes about. */
struct field_plan {
    char name[48];         /* of what is tried on it, for messages */
    char label[32];        /* every value begins with "<label>-<number of the event>-" */
    uint32_t batch_events; /* per synced batch */
    uint64_t segment_bytes;
    uint32_t segments[FIELD_RUNS_MAX]; /* that each run fills; 0: no such run */
    uint32_t events_in_last; /* the newest segment of each run gets at least so many events; 0: it
                              * is filled */
    bool killed;             /* each run ends by kill -9 rather than by a clean stop */
    uint32_t done_events;    /* a further run delivers so many of the first events, and is killed */
};

struct field_segment {
    uint64_t id;
    uint32_t run;
    uint32_t first_number;         /* of its first event among all */
    struct segment_writer content; /* its frames, and where its log lies; not written any more */
    struct segment_map map;
};

struct damage_field {
    struct field_plan plan;
    char dir[256];
    uint64_t seed;
    char uuid[40];                  /* as text */
    struct field_segment *segments; /* with events, oldest first */
    size_t segment_count;
    uint32_t event_count;
    uint64_t done_id;    /* by its cursors */
    uint32_t done_count; /* events delivered before, all with the lowest numbers */
};

/* Makes the spool at dir, which must not exist. */
void damage_field_make(struct damage_field *field, const struct field_plan *plan, const char *dir);
/* Forgets it and, with its files, removes it. */
void damage_field_free(struct damage_field *field, bool remove_files);

/* The options that all of these spools are opened with; path is borrowed. */
struct spool_options damage_field_options(const struct field_plan *plan, const char *path);

/* Writes all events as text, in order of their numbers: "<topic>\t<partition, or
 * -1>\t<time>\t<key>\t<headers>\t<value>" a line. */
void damage_field_write_events(const struct damage_field *field, const char *path);

/* How many events of a segment a later one tells for sure: SPOOL_COUNT_UNKNOWN when its link
 * doesn't. */
uint32_t damage_field_linked_count(const struct damage_field *field, size_t segment);

/* Submits count events of topic and value "<prefix><i>" in one batch and waits for the sync. */
struct spool_receipt damage_field_append(struct spool *spool, const char *topic, const char *prefix,
                                         uint32_t count);

#endif
