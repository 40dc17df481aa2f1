/* SPDX-License-Identifier: MIT
 * lane.c - the state of one topic. */
#include "bridge/lane/lane.h"

#include <stdio.h>
#include <stdlib.h>

void bridge_lane_init(struct bridge_lane *lane, uint32_t index)
{
    *lane = (struct bridge_lane){.index = index, .allowance = BRIDGE_LANE_ALLOWANCE_NEW};
}

void bridge_lane_done(struct bridge_lane *lane)
{
    bridge_reader_close(&lane->reader);
    bridge_in_flight_done(&lane->window);
    free(lane->topic);
    lane->topic = NULL;
}

enum bridge_lane_room bridge_lane_room(const struct bridge_lane *lane,
                                       const struct bridge_budget *budget)
{
    if (budget->events >= budget->events_max || budget->bytes >= budget->bytes_max)
        return budget->events == 0 ? BRIDGE_LANE_ROOM : BRIDGE_LANE_ROOM_NOWHERE;
    if (lane->window.in_flight == 0)
        return BRIDGE_LANE_ROOM; /* a lane with nothing in flight may send one, however large */
    if (lane->window.in_flight >= lane->allowance ||
        lane->window.in_flight >= budget->events_max - budget->events ||
        lane->window.in_flight_bytes >= budget->bytes_max - budget->bytes)
        return BRIDGE_LANE_ROOM_NOT_HERE;
    return BRIDGE_LANE_ROOM;
}

void bridge_lane_good(struct bridge_lane *lane, int64_t now_ms)
{
    lane->good_ms = now_ms;
    lane->proven = true;
    if (lane->allowance < BRIDGE_LANE_ALLOWANCE_MAX)
        lane->allowance++;
    if (lane->mode != BRIDGE_LANE_MODE_DRAINING && lane->error != 0) {
        lane->error = 0;
        lane->attempts = 0;
    }
}

void bridge_lane_failed(struct bridge_lane *lane, int code, const char *text)
{
    lane->failures++;
    lane->error = code;
    snprintf(lane->error_text, sizeof lane->error_text, "%s", text);
    lane->mode = BRIDGE_LANE_MODE_DRAINING;
    lane->own_cursor = true;
    lane->held_up_since_ms = 0;
    bridge_reader_close(&lane->reader);
}

static void bridge_lane_drop_open(struct bridge_lane *lane)
{
    struct bridge_in_flight_entry first;
    if (!bridge_in_flight_rewind(&lane->window, &first))
        return;
    /* Never forward: a recall to a late event may have set read_id lower already. */
    if (first.id - 1 < lane->read_id)
        lane->read_id = first.id - 1;
    if (lane->waiting_time_ms == 0 || (int64_t)first.time_ms < lane->waiting_time_ms)
        lane->waiting_time_ms = (int64_t)first.time_ms;
}

void bridge_lane_rewind(struct bridge_lane *lane, int64_t due_ms)
{
    assert(lane->mode == BRIDGE_LANE_MODE_DRAINING && lane->window.in_flight == 0);
    bridge_lane_drop_open(lane);
    lane->mode = BRIDGE_LANE_MODE_BACKING_OFF;
    lane->due_ms = due_ms;
    lane->allowance = 1;
    lane->attempts++;
}

void bridge_lane_reset(struct bridge_lane *lane, uint64_t floor_id)
{
    bridge_lane_drop_open(lane);
    bridge_reader_close(&lane->reader);
    lane->held_up_since_ms = 0;
    if (!lane->own_cursor && lane->read_id < floor_id)
        lane->read_id = floor_id;
    if (lane->allowance > BRIDGE_LANE_ALLOWANCE_NEW)
        lane->allowance = BRIDGE_LANE_ALLOWANCE_NEW;
    if (lane->read_id >= floor_id && lane->mode != BRIDGE_LANE_MODE_BACKING_OFF) {
        lane->mode = BRIDGE_LANE_MODE_FLOWING;
        lane->skip_id = lane->read_id;
        lane->waiting_time_ms = 0;
    } else if (lane->mode != BRIDGE_LANE_MODE_BACKING_OFF) {
        lane->mode = BRIDGE_LANE_MODE_CATCHING_UP;
        lane->own_cursor = true;
    }
}

void bridge_lane_restart(struct bridge_lane *lane, uint64_t floor_id)
{
    bridge_in_flight_clear(&lane->window);
    bridge_reader_close(&lane->reader);
    lane->held_up_since_ms = 0;
    lane->waiting_time_ms = 0;
    lane->skip_id = 0;
    lane->delivered_new = lane->dead_new = lane->uncopied_new = 0;
    lane->read_id = lane->own_cursor ? lane->cursor_id : floor_id;
    if (lane->mode != BRIDGE_LANE_MODE_BACKING_OFF)
        lane->mode = lane->own_cursor ? BRIDGE_LANE_MODE_CATCHING_UP : BRIDGE_LANE_MODE_FLOWING;
    if (lane->allowance > BRIDGE_LANE_ALLOWANCE_NEW)
        lane->allowance = BRIDGE_LANE_ALLOWANCE_NEW;
}

bool bridge_lane_should_leave(struct bridge_lane *lane, int64_t now_ms,
                              const struct bridge_lane_view *view,
                              const struct bridge_budget *budget)
{
    if (lane->held_up_since_ms == 0)
        lane->held_up_since_ms = now_ms;
    if (!view->connected || lane->window.in_flight == 0)
        return false;
    int64_t since = lane->good_ms > lane->held_up_since_ms ? lane->good_ms : lane->held_up_since_ms;
    int64_t patience_ms =
        !lane->proven && view->others_good ? BRIDGE_LANE_UNPROVEN_MS : BRIDGE_LANE_STUCK_MS;
    if (now_ms - since >= patience_ms)
        return true;
    const struct bridge_in_flight_entry *open = bridge_in_flight_open(&lane->window);
    bool slow = open != NULL && (int32_t)((uint32_t)now_ms - open->taken_ms) >= BRIDGE_LANE_SLOW_MS;
    return slow && view->others_flow && now_ms - lane->held_up_since_ms >= BRIDGE_LANE_STUCK_MS &&
           lane->window.in_flight >= budget->events / 2;
}

void bridge_lane_leave(struct bridge_lane *lane, uint64_t before_id, int64_t time_ms)
{
    assert(lane->mode == BRIDGE_LANE_MODE_FLOWING);
    lane->mode = BRIDGE_LANE_MODE_CATCHING_UP;
    lane->own_cursor = true;
    lane->held_up_since_ms = 0;
    lane->read_id = before_id;
    lane->waiting_time_ms = time_ms;
    lane->allowance = lane->allowance > 64 ? 64 : lane->allowance;
}

void bridge_lane_recall(struct bridge_lane *lane, uint64_t id)
{
    assert(lane->mode != BRIDGE_LANE_MODE_FLOWING);
    if (lane->read_id < id)
        return;
    lane->read_id = id - 1;
    bridge_reader_close(&lane->reader);
}

void bridge_lane_join(struct bridge_lane *lane)
{
    assert(lane->mode == BRIDGE_LANE_MODE_CATCHING_UP);
    bridge_reader_close(&lane->reader);
    lane->mode = BRIDGE_LANE_MODE_FLOWING;
    lane->skip_id = lane->read_id;
    lane->waiting_time_ms = 0;
}

bool bridge_lane_advance(struct bridge_lane *lane, uint64_t watermark_id)
{
    lane->delivered_new += bridge_in_flight_pop(&lane->window, watermark_id);
    if (!lane->own_cursor)
        return false;
    uint64_t ceiling = watermark_id;
    if (lane->mode != BRIDGE_LANE_MODE_FLOWING && lane->read_id < ceiling)
        ceiling = lane->read_id;
    uint64_t cursor_id = bridge_in_flight_floor(&lane->window, ceiling);
    if (cursor_id > lane->cursor_id)
        lane->cursor_id = cursor_id;
    if (lane->cursor_id < watermark_id)
        return true;
    if (lane->mode == BRIDGE_LANE_MODE_FLOWING)
        lane->own_cursor = false;
    return false;
}

int64_t bridge_lane_oldest_ms(struct bridge_lane *lane)
{
    const struct bridge_in_flight_entry *open = bridge_in_flight_open(&lane->window);
    if (open != NULL)
        return (int64_t)open->time_ms;
    return lane->mode == BRIDGE_LANE_MODE_FLOWING ? 0 : lane->waiting_time_ms;
}
