/* SPDX-License-Identifier: MIT
 * sim_steps.h - a history as a list of steps, drawn from a seed before anything runs: so that a
 * shorter history is the same list with steps left out. A case file is its text. */
#ifndef PENSTOCK_TESTS_SIM_STEPS_H
#define PENSTOCK_TESTS_SIM_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SIM_STEPS_MAX 4096

/* Name in case files, and what a, b, c, d mean. Everything but `send` counts as a fault. */
#define SIM_STEP_TABLE(X)                                                                          \
    X(SEND, "send")                     /* client, topic, batches << 16 | events, size */          \
    X(STOP, "stop")                     /* SIGTERM; a: ms until the next start */                  \
    X(KILL, "kill")                     /* a: ms until the start; b: after so many file calls */   \
    X(POWER_CUT, "power_cut")           /* likewise */                                             \
    X(CRASH_LOOP, "crash_loop")         /* a: starts, each killed after b ms */                    \
    X(RELOAD, "reload")                 /* other options for the bridge */                         \
    X(AWAY, "kafka_away")               /* a: ms */                                                \
    X(SLOW_KAFKA, "kafka_slow")         /* a: ms, b: delay */                                      \
    X(LOST_ANSWERS, "answers_lost")     /* a: ms, b: per 1000 */                                   \
    X(CLUSTER, "other_cluster")         /* another one answers */                                  \
    X(NO_TOPIC, "topic_deleted")        /* a: ms, b: topic */                                      \
    X(LEADERLESS, "leaderless")         /* a: ms, b: topic */                                      \
    X(FORBIDDEN, "forbidden")           /* a: ms, b: topic */                                      \
    X(SMALL_LIMIT, "small_limit")       /* a: ms, b: topic */                                      \
    X(GROW, "topic_grown")              /* b: topic */                                             \
    X(UNREADABLE, "segment_unreadable") /* a: ms, b: which one, c: errno, d: how often */          \
    X(READ_ERROR, "read_error")         /* a: ms, b: what, c: errno, d: per 1000 */                \
    X(WRITE_ERROR, "write_error")       /* a: ms, b: what, c: errno, d: per 1000 */                \
    X(DISK_FULL, "disk_full")           /* a: ms */                                                \
    X(SLOW_DISK, "disk_slow")           /* a: ms, b: ms per call, c: calls */                      \
    X(HANG, "disk_hangs")               /* a: ms, b: calls */                                      \
    X(ROT, "rot")                       /* b: which segment, c, d: where */                        \
    X(ROT_CURSORS, "rot_cursors")       /* b: slot, c: offset, d: bit */                           \
    X(ROT_LETTER, "rot_letter")         /* c, d: where */                                          \
    X(REMOVE, "segment_removed")        /* a: ms until it is put back, 0: never; b: which */       \
    X(CLOCK, "clock")                   /* a: seconds ahead of the true time, minus 2^31 */        \
    X(REQUEUE, "letters_requeued")      /* a: so many */                                           \
    X(DROP, "letters_dropped")          /* a: so many */                                           \
    X(LIMITS, "limits")                 /* a: ms with a small size_bytes_max */                    \
    X(BACKUP, "backup")                 /* a copy of the running spool is made */                  \
    X(RESTORE, "restore")               /* stop, put the backup in its place, a new id, start */   \
    X(RESCUE, "rescue")                 /* the last step: kill, drain a copy of the spool */

#define SIM_STEP_ENUM(name, text) SIM_STEP_##name,
enum sim_step_kind { SIM_STEP_TABLE(SIM_STEP_ENUM) SIM_STEP_KINDS };
#undef SIM_STEP_ENUM

struct sim_step {
    int64_t at_ms;
    enum sim_step_kind kind;
    uint32_t a, b, c, d;
};

/* What a history is made in; drawn from the seed as well. */
struct sim_world {
    uint64_t seed;
    unsigned topics, clients, partitions;
    uint64_t window_bytes, size_bytes;
    uint32_t topics_max, in_flight_events;
    int64_t cursor_interval_ms, backoff_ms_max,
        read_ms; /* read_ms: a read of a segment takes so long */
    int64_t end_ms;
};

struct sim_history {
    struct sim_world world;
    struct sim_step steps[SIM_STEPS_MAX];
    size_t count;
};

void sim_steps_draw(uint64_t seed, struct sim_history *ret_history);
const char *sim_step_name(enum sim_step_kind kind);
int64_t sim_step_lasts_ms(const struct sim_step *step); /* how long it matters, about */
void sim_steps_print(FILE *out, const struct sim_history *history);
bool sim_steps_read(FILE *in, struct sim_history *ret_history); /* false: not a case file */

#endif
