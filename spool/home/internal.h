/* SPDX-License-Identifier: MIT
 * internal.h - the struct of an open spool, for the rooms of spool/ only. The order of its locks
 * stands in locks.h. */
#ifndef PENSTOCK_SPOOL_HOME_INTERNAL_H
#define PENSTOCK_SPOOL_HOME_INTERNAL_H

#include "base/mutex.h"
#include "spool/commit/committer.h"
#include "spool/commit/delivery_waits.h"
#include "spool/commit/spares.h"
#include "spool/commit/usage.h"
#include "spool/format/identity.h"
#include "spool/keep/keeper.h"
#include "spool/ledger/catalog.h"
#include "spool/ledger/parking.h"
#include "spool/ledger/progress.h"
#include "spool/ledger/recent_chunks.h"
#include "spool/ledger/times.h"
#include "spool/ledger/topics.h"
#include "spool/letters/store.h"
#include "spool/open/watch.h"
#include "spool/quarantine/quarantine.h"
#include "spool/spool.h"

struct spool {
    const struct spool_options *_Atomic limits; /* sizes and times; spool_set_limits() replaces
                                                 * them */
    struct spool_options options;               /* fixed after open, as are all fields up to
                                                 * `watch` */
    spool_report_fn *report;
    void *report_arg;
    struct spool_identity identity;
    char *segments_path;
    int root_fd, segments_fd, quarantine_fd, trash_fd, lock_fd;
    struct spool_cursor_state at_open;
    bool cursors_found;       /* at_open was read from the file; false: it is empty, as there was no
                               * file */
    struct spool_watch watch; /* used by the thread that calls spool_place() */

    struct spool_topics topics;
    atomic_uint_fast64_t unknown_accepted; /* lost events of unknown topic, which no topic counts */
    atomic_int_fast64_t unknown_pending;
    atomic_uint_fast64_t unknown_lost;
    atomic_bool counting;

    struct mutex lock;
    struct spool_catalog catalog;
    struct spool_recent_chunks window;
    struct spool_progress progress;
    struct spool_parking parking;
    uint64_t segment_id_max;                         /* the highest ever given out */
    uint64_t newest_segments[SPOOL_NEWEST_SEGMENTS]; /* made last; 0: none */
    bool vanished_found;                             /* false: the search still runs, and the
                                                      * cursors stay as they were */
    uint64_t first_segment_id;                       /* of this run */
    uint64_t last_event_id;                          /* accepted in this run */
    struct spool_times times;                        /* of the events accepted in this run */
    uint64_t damaged_segments;
    pthread_cond_t counted; /* an entry has become SPOOL_COUNTED, or the spool closes */
    void (*wakeup)(void *arg);
    void *wakeup_arg;
    bool wakeup_armed;

    struct spool_delivery_waits *confirms;
    struct spool_committer committer;
    struct spool_spares spares;
    struct spool_usage usage;
    struct spool_keeper keeper;
    struct spool_quarantine quarantine;
    struct spool_letters letters;
    pthread_t background_thread;
    bool background_started;
    atomic_bool closing;
};

#endif
