/* SPDX-License-Identifier: MIT
 * spool_options.h - the settings of a spool: plain data with units and defaults. */
#ifndef PENSTOCK_SPOOL_OPTIONS_H
#define PENSTOCK_SPOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define SPOOL_SEGMENT_BYTES_MIN (4ull << 20)
#define SPOOL_SEGMENT_BYTES_MAX (1ull << 30)
#define SPOOL_EVENT_BYTES_LIMIT (64ull << 20) /* no event, and so no frame, is ever larger */

struct spool_options {
    char *path;          /* directory; owned by the caller who filled the struct */
    bool create;         /* make a spool where there is none */
    bool forward_only;   /* accept no events, and change only the cursors: for a spool that is only
                          * to be emptied */
    char *require_mount; /* "auto": mount points that fstab names at or above path; or the path of
                          * one; "off" or NULL: no check */
    char *id;            /* open only the spool with this id, as text; NULL: any. Both strings owned
                          * as path */
    uint64_t segment_bytes;        /* a segment ends when it reaches this size */
    uint64_t size_bytes_max;       /* of all files below path; beyond it ingest is refused */
    uint64_t free_bytes_min;       /* free space that ingest leaves to others; at least two
                                    * segments */
    uint64_t event_bytes_max;      /* key + value + headers of one event */
    uint64_t queued_bytes_max;     /* taken but not yet synced; beyond it ERR_BUSY */
    uint64_t window_bytes_max;     /* just-committed events kept in memory for the bridge */
    int64_t commit_timeout_ms;     /* after a longer sync the spool is unhealthy, and ingest answers
                                    * "unknown" */
    int64_t cursor_interval_ms;    /* cursors are written at most this often */
    int64_t quarantine_ms_max;     /* damaged segments are kept this long */
    uint64_t quarantine_bytes_max; /* and up to this size in all; their reports stay */
    uint64_t letters_bytes_max;    /* of dead letters; beyond it their topics wait */
    uint64_t topics_max;           /* different topics that are accepted */
    uint64_t topic_share_percent;  /* of size_bytes_max that one topic's pending events may take;
                                    * 100, 0: all */
};

#define SPOOL_OPTIONS_DEFAULT                                                                      \
    {                                                                                              \
        .path = NULL, .create = false, .segment_bytes = 32ull << 20,                               \
        .size_bytes_max = 10ull << 30, .free_bytes_min = 256ull << 20, .event_bytes_max = 1000000, \
        .queued_bytes_max = 48ull << 20, .window_bytes_max = 8ull << 20,                           \
        .commit_timeout_ms = 10000, .cursor_interval_ms = 1000, .topics_max = 1000,                \
        .quarantine_ms_max = 30 * 24 * 3600000ll, .quarantine_bytes_max = 1ull << 30,              \
        .letters_bytes_max = 256ull << 20, .topic_share_percent = 50,                              \
    }

#endif
