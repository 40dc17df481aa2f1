/* SPDX-License-Identifier: MIT
 * damage_patient.h - a copy of a spool that gets damaged, and what that must cost.
 *
 * Undamaged segments are hard links: nothing is ever written into those. Everything fails the
 * running test when it can't. */
#ifndef PENSTOCK_TESTS_DAMAGE_PATIENT_H
#define PENSTOCK_TESTS_DAMAGE_PATIENT_H

#include "tests/damage/damage_field.h"
#include "tests/support/damage_check.h"

enum patient_kept { KEPT_EITHER, KEPT_NO, KEPT_YES }; /* in quarantine, with a report */

struct patient_segment {
    bool touched; /* log_data holds its log, to be damaged and written */
    struct damage log;
    bool log_gone;          /* nothing stands under the log's name */
    bool gone;              /* its whole directory */
    bool links_gone;        /* beyond what the log's bytes say */
    enum patient_kept kept; /* beyond what its losses say; set by the damage, completed by
                             * patient_finish() */
    /* by patient_finish(): */
    struct damage_expected expected;
    uint32_t done_below;      /* index; what lies below was delivered before */
    uint64_t lost, uncertain; /* not done, as the report must list them */
    uint32_t count;           /* gone: how many events it held, or SPOOL_COUNT_UNKNOWN when nothing
                               * tells */
};

struct patient_totals {
    uint64_t delivered;       /* that must come now */
    uint64_t lost, uncertain; /* that the books and the reports must name */
    uint64_t unknowable;      /* cut off an end that nothing tells of */
};

struct patient {
    const struct damage_field *field;
    char dir[256];
    char what[400];  /* was done to it, for messages */
    uint64_t random; /* state: damage is the same with the same seed */
    struct patient_segment *segments;
    enum err must_refuse;         /* opening must answer this; ERR_OK: must open */
    uint32_t done_count;          /* events that its cursors say are delivered, all with the lowest
                                   * numbers */
    bool reports_free;            /* where the damaged segments end is not checked */
    bool has_flip;                /* a single flipped byte: costs one event at most */
    struct patient_totals totals; /* by patient_finish() */
};

/* Copies the spool to dir, which must not exist. */
void patient_make(struct patient *p, const struct damage_field *field, const char *dir,
                  uint64_t seed);
void patient_free(struct patient *p, bool remove_files);

void patient_note(struct patient *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));               /* adds to `what` */
uint32_t patient_below(struct patient *p, size_t limit); /* random */

/* The log of a segment, to be damaged in memory (tests/support/damage_check.h). */
struct damage *patient_log(struct patient *p, size_t segment);
/* Fills with garbage, or with `byte` when that is not negative. */
void patient_fill(struct patient *p, struct damage *log, size_t at, size_t size, int byte);
/* The bytes stand as a file that is not read as a log: frames that fragments cut are gone. */
void patient_raw(struct patient *p, size_t segment);
/* Marks what owns bytes of the log (an index, or SEGMENT_OWNER_…) as gone. */
void damage_mark_gone(struct damage *log, uint32_t owner);

/* Frames with bytes on both sides of an offset are gone. */
void damage_gone_across(struct damage *log, size_t at);

/* Path of a file in a segment's directory, or of the directory itself (file ""). One of eight
 * static buffers. */
const char *patient_path(const struct patient *p, size_t segment, const char *file);
const char *patient_root_path(const struct patient *p, const char *file);
/* Name of the MANIFEST of a segment. */
const char *patient_manifest(const struct patient *p, size_t segment);

/* Files: made anew, never written through a link. */
void patient_write(const char *path, const void *data, size_t size);
uint8_t *patient_read(const char *path, size_t *ret_size); /* the caller frees */
void patient_remove(const char *path);                     /* also a whole directory */

/* Writes the damaged logs and finds out what must come of it. */
void patient_finish(struct patient *p);

/* Must this event be delivered now? number: among all of the field */
bool patient_must_deliver(const struct patient *p, size_t segment, uint32_t index);

#endif
