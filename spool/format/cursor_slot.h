/* SPDX-License-Identifier: MIT
 * cursor_slot.h - one slot of the file `cursors`: a state as bytes (docs/spool-format.md §6),
 * and back. Pure. */
#ifndef PENSTOCK_SPOOL_FORMAT_CURSOR_SLOT_H
#define PENSTOCK_SPOOL_FORMAT_CURSOR_SLOT_H

#include "base/buf.h"
#include "base/err.h"
#include "spool/format/cursor_state.h"

/* room for 1000 topics with the longest names, and more */
#define SPOOL_CURSORS_SLOT_SIZE (512u << 10)

/* Writes the state into slot, over its content. Errors: ERR_NOMEM, ERR_TOO_LARGE (beyond
 * SPOOL_CURSORS_SLOT_SIZE) */
enum err spool_cursor_slot_put(struct buf *slot, const uint8_t uuid[16], uint64_t seed,
                               uint64_t sequence, const struct spool_cursor_state *state);

/* Decodes a slot; false: no intact slot of that spool (or memory is out). The caller frees the
 * state. */
bool spool_cursor_slot_get(struct bytes slot, const uint8_t uuid[16], uint64_t seed,
                           uint64_t *ret_sequence, struct spool_cursor_state *ret_state);

#endif
