/* SPDX-License-Identifier: MIT
 * cursor_state.c - pure questions about the content of the file `cursors`. */
#include "spool/format/cursor_state.h"

#include <stdlib.h>

void spool_cursor_state_free(struct spool_cursor_state *state)
{
    for (size_t i = 0; i < state->lane_count; i++)
        free(state->lanes[i].topic);
    for (size_t i = 0; i < state->topic_count; i++)
        free(state->topics[i].topic);
    free(state->missed);
    free(state->unread);
    free(state->parked);
    free(state->lanes);
    free(state->topics);
    *state = (struct spool_cursor_state){0};
}

uint32_t spool_cursor_state_done_below(const struct spool_cursor_state *state, uint64_t segment_id)
{
    uint64_t done_id = state->done_id;
    for (size_t i = 0; i < state->unread_count; i++)
        if (state->unread[i].segment_id == segment_id)
            return state->unread[i].from_index;
    for (size_t i = 0; i < state->lane_count; i++)
        if (state->lanes[i].done_id < done_id)
            done_id = state->lanes[i].done_id;
    if (done_id >= spool_position_end_of(segment_id))
        return SPOOL_INDEX_MAX;
    return spool_id_segment(done_id) < segment_id ? 0 : spool_id_index(done_id) + 1;
}

const struct spool_parked_item *spool_cursor_state_parked(const struct spool_cursor_state *state,
                                                          uint64_t segment_id)
{
    size_t low = 0, high = state->parked_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (state->parked[middle].last < segment_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < state->parked_count && state->parked[low].first <= segment_id ? &state->parked[low]
                                                                               : NULL;
}
