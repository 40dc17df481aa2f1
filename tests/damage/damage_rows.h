/* SPDX-License-Identifier: MIT
 * damage_rows.h - every known kind of damage, as a table: a row has a name and so many variants. */
#ifndef PENSTOCK_TESTS_DAMAGE_ROWS_H
#define PENSTOCK_TESTS_DAMAGE_ROWS_H

#include "tests/damage/damage_patient.h"

struct damage_row {
    const char *name; /* of the crash matrix */
    uint32_t variants;
    bool whole_spool; /* not of one segment: tried once per field */
    void (*apply)(struct patient *p, size_t segment, uint32_t variant);
};

/* All rows, ended by one without a name. */
const struct damage_row *damage_rows(void);

/* The rows of damage to the log's bytes; to other files; to the spool as a whole. Each ended by one
 * without a name. */
extern const struct damage_row damage_rows_log[], damage_rows_files[], damage_rows_tables[],
    damage_rows_spool[];

/* A write that was cut short, after which LevelDB went on: everything behind is shifted against the
 * blocks. The record that begins at that fragment, or behind it, keeps some of its bytes: 1 to all
 * but one, `kept` modulo that. */
void damage_short_write(struct patient *p, size_t segment, size_t fragment, size_t kept);

/* One random damage, or a few at once, to a segment. */
void damage_segment_at_random(struct patient *p, size_t segment);
/* One random damage, or a few at once, to one segment or two. */
void damage_at_random(struct patient *p);

#endif
