/* SPDX-License-Identifier: MIT
 * space.c - the limits on space. */
#include "spool/commit/space.h"

#include <inttypes.h>

uint64_t spool_space_floor(const struct spool_options *options)
{
    uint64_t two_segments = 2 * options->segment_bytes;
    return options->free_bytes_min > two_segments ? options->free_bytes_min : two_segments;
}

/* The room that must be free before more is accepted again: one segment, or a twentieth of the
 * limit when that is less. */
static uint64_t room_to_accept_again(const struct spool_options *options, uint64_t limit)
{
    uint64_t twentieth = limit / 20;
    return options->segment_bytes < twentieth ? options->segment_bytes : twentieth;
}

enum err spool_space_check(const struct spool_options *options, const struct spool_space *space,
                           bool was_refused, struct errmsg *msg)
{
    uint64_t floor = spool_space_floor(options);
    uint64_t room = was_refused ? room_to_accept_again(options, options->size_bytes_max) : 0;
    uint64_t room_on_disk = was_refused ? room_to_accept_again(options, floor) : 0;
    if (space->used_bytes + space->new_bytes + room > options->size_bytes_max)
        return errmsg_set(msg, ERR_FULL,
                          "spool.max_size reached: %" PRIu64 " of %" PRIu64 " bytes are used",
                          space->used_bytes, options->size_bytes_max);
    if (space->free_bytes < floor + space->new_bytes + room_on_disk)
        return errmsg_set(msg, ERR_FULL,
                          "the filesystem has %" PRIu64 " bytes free, spool.min_free is %" PRIu64,
                          space->free_bytes, floor);
    return ERR_OK;
}
