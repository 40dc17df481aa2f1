/* SPDX-License-Identifier: MIT
 * sim_faults_disk.c - a disk that fails, is slow, is full, rots; operators who move directories. */
#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_faults.h"
#include "tests/sim/sim_mends.h"
#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_sched.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS SIM_SPOOL_DIR "/segments"
#define SPARE    "away-"
#define ROOM     ((uint64_t)64 << 30)

static char listing[4096][64];

/* The nth of the segments that may hold events; 0: there is none. */
static uint64_t pick_segment(uint32_t nth)
{
    uint64_t ids[4096];
    size_t count = sim_disk_list(SEGMENTS, listing, 4096), segments = 0;
    for (size_t i = 0; i < count; i++)
        if (strchr(listing[i], '.') == NULL)
            ids[segments++] = strtoull(listing[i], NULL, 10);
    return segments > 0 ? ids[nth % segments] : 0;
}

static unsigned ops_of(uint32_t c)
{
    return c % 3 == 0 ? SIM_DISK_READ | SIM_DISK_WRITE | SIM_DISK_SYNC
                      : (c % 3 == 1 ? SIM_DISK_WRITE | SIM_DISK_SYNC : SIM_DISK_READ);
}

static const char *part_of(uint32_t b)
{
    static const char *const parts[] = {"",        "segments/",  "cursors", "dead-letter/",
                                        "parked/", "quarantine/"};
    return parts[b % 6];
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void mend_segment(const struct sim_mend *mend)
{
    sim_disk_mend(mend->handle);
    sim_oracle_unreadable(mend->number, -1);
    sim_note("segment %" PRIu64 " readable again", mend->number);
}

static void make_unreadable(const struct sim_step *step)
{
    uint64_t id = pick_segment(step->b);
    char part[64];
    if (id == 0)
        return;
    snprintf(part, sizeof part, "segments/%" PRIu64 "/", id);
    sim_note("segment %" PRIu64 " unreadable: %s", id, strerror((int)step->c));
    unsigned ops = SIM_DISK_READ | (step->c == EIO ? 0 : SIM_DISK_OPEN);
    /* Some reads may succeed, so that a reader stops in the midst of the segment. */
    static const unsigned per_1000[] = {1000, 1000, 1000, 1000, 950, 900, 800, 600};
    unsigned handle = sim_disk_fail(ops, part, (int)step->c, per_1000[step->d % 8], INT64_MAX);
    sim_oracle_unreadable(id, 1);
    sim_mends_add(&(struct sim_mend){mend_segment, sim_now_ms() + step->a, id, NULL, handle});
}

static void mend_calls(const struct sim_mend *mend)
{
    sim_disk_mend(mend->handle);
    sim_oracle_disturb(-1);
    sim_note("%s well again", mend->text);
}

static void make_calls_fail(const struct sim_step *step, unsigned ops)
{
    const char *part = part_of(step->b);
    sim_note("calls %x on '%s' fail: %s", ops, part, strerror((int)step->c));
    unsigned handle = sim_disk_fail(ops, part, (int)step->c, step->d, INT64_MAX);
    sim_oracle_disturb(1);
    sim_mends_add(&(struct sim_mend){mend_calls, sim_now_ms() + step->a, 0, part, handle});
}

static void mend_delay(const struct sim_mend *mend)
{
    sim_disk_delay(mend->handle, "", 0);
    sim_oracle_disturb(-1);
    sim_note("disk fast again");
}

static void delay(const struct sim_step *step, int64_t ms, uint32_t calls)
{
    unsigned ops = ops_of(calls);
    sim_note("disk calls %x take %" PRId64 " ms", ops, ms);
    sim_disk_delay(ops, "", ms);
    sim_oracle_disturb(1);
    sim_mends_add(&(struct sim_mend){mend_delay, sim_now_ms() + step->a, 0, NULL, ops});
}

static void mend_room(const struct sim_mend *mend)
{
    (void)mend;
    sim_disk_set_size(ROOM);
    sim_oracle_disturb(-1);
    sim_note("disk has room again");
}

bool sim_faults_disk(const struct sim_step *step)
{
    switch (step->kind) {
    case SIM_STEP_UNREADABLE: make_unreadable(step); return true;
    case SIM_STEP_READ_ERROR: make_calls_fail(step, SIM_DISK_READ | SIM_DISK_OPEN); return true;
    case SIM_STEP_WRITE_ERROR: make_calls_fail(step, SIM_DISK_WRITE | SIM_DISK_SYNC); return true;
    case SIM_STEP_SLOW_DISK: delay(step, step->b, step->c); return true;
    case SIM_STEP_HANG: delay(step, INT64_MAX, step->b); return true;
    case SIM_STEP_DISK_FULL:
        sim_note("disk full");
        sim_disk_set_size(sim_disk_bytes());
        sim_oracle_disturb(1);
        sim_mends_add(&(struct sim_mend){mend_room, sim_now_ms() + step->a, 0, NULL, 0});
        return true;
    default: return false;
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void rot(const char *path, uint64_t offset)
{
    if (offset >= sim_disk_size(path))
        return;
    sim_note("rot %s at %" PRIu64, path, offset);
    sim_oracle_rot(path, offset);
    sim_disk_rot(path, offset);
}

static void rot_in(const char *folder, uint64_t id, const struct sim_step *step)
{
    char dir[128], path[256];
    snprintf(dir, sizeof dir, SIM_SPOOL_DIR "/%s/%" PRIu64, folder, id);
    size_t count = sim_disk_list(dir, listing, 4096);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, listing[i]);
        if (strstr(listing[i], ".log") == NULL || sim_disk_size(path) == 0)
            continue;
        rot(path, (step->c * 7919ull + step->d) % sim_disk_size(path));
        return;
    }
}

static void rot_cursors(const struct sim_step *step)
{
    const char *path = SIM_SPOOL_DIR "/cursors";
    uint64_t slot = sim_disk_size(path) / 2;
    if (slot > 0)
        rot(path, step->b % 2 * slot + step->c % 150);
}

static void put_back(const struct sim_mend *mend)
{
    char from[128], to[128];
    snprintf(from, sizeof from, SPARE "%" PRIu64, mend->number);
    snprintf(to, sizeof to, SEGMENTS "/%" PRIu64, mend->number);
    sim_note("segment %" PRIu64 " put back", mend->number);
    sim_disk_move(from, to);
    sim_oracle_put_back(mend->number);
}

static void remove_segment(const struct sim_step *step)
{
    uint64_t id = pick_segment(step->b);
    char from[128], to[128];
    if (id == 0)
        return;
    sim_note("segment %" PRIu64 " removed", id);
    sim_oracle_removed(id);
    snprintf(from, sizeof from, SEGMENTS "/%" PRIu64, id);
    snprintf(to, sizeof to, SPARE "%" PRIu64, id);
    sim_disk_move(from, to);
    if (step->a > 0)
        sim_mends_add(&(struct sim_mend){put_back, sim_now_ms() + step->a, id, NULL, 0});
}

bool sim_faults_damage(const struct sim_step *step)
{
    switch (step->kind) {
    case SIM_STEP_ROT: rot_in("segments", pick_segment(step->b), step); return true;
    case SIM_STEP_ROT_CURSORS: rot_cursors(step); return true;
    case SIM_STEP_ROT_LETTER:
        if (sim_disk_list(SIM_SPOOL_DIR "/dead-letter", listing, 4096) > 0)
            rot_in("dead-letter", strtoull(listing[0], NULL, 10), step);
        return true;
    case SIM_STEP_REMOVE: remove_segment(step); return true;
    default: return false;
    }
}
