/* SPDX-License-Identifier: MIT
 * cursors_file.h - the file `cursors`: how far events are done, the totals, the highest segment id
 * in use.
 *
 * Two checksummed slots in one preallocated file, written in turn with pwrite + fdatasync. So a
 * crash leaves the older one, and the file can be written on a disk without a free byte
 * (docs/spool-format.md §6). One thread at a time. */
#ifndef PENSTOCK_SPOOL_PLACE_CURSORS_FILE_H
#define PENSTOCK_SPOOL_PLACE_CURSORS_FILE_H

#include "base/bytes.h"
#include "base/err.h"
#include "spool/format/cursor_state.h"

struct spool_cursors;

/* Opens the file `cursors` below root_fd. The newest intact slot of this spool is decoded into
 * *ret_state (zeroed when there is none; *ret_found tells). Without a state the first
 * spool_cursors_write() makes the file. A damaged or unreadable file is no error: it is put aside
 * as cursors.damaged-<n>, and *ret_found is false; msg then says why. ERR_NOMEM */
enum err spool_cursors_open(int root_fd, const uint8_t spool_uuid[16], uint64_t seed,
                            struct spool_cursors **ret_cursors,
                            struct spool_cursor_state *ret_state, bool *ret_found,
                            struct errmsg *msg);

/* Reads the cursors without changing a file: *ret_found is false without an intact slot.
 * ERR_NOMEM */
enum err spool_cursors_peek(int root_fd, const uint8_t spool_uuid[16], uint64_t seed,
                            struct spool_cursor_state *ret_state, bool *ret_found,
                            struct errmsg *msg);

/* Makes the file anew with its state twice: for the spool's present id, and for the id that it is
 * about to get. Without an intact slot for the old id *ret_found is false, and the file stays as it
 * is. ERR_IO, ERR_FULL, ERR_NOMEM */
enum err spool_cursors_renew(int root_fd, const uint8_t old_uuid[16], const uint8_t new_uuid[16],
                             uint64_t seed, bool *ret_found, struct errmsg *msg);

/* Writes the state into the older slot and syncs it. After a failure the other slot still holds the
 * state before.
 * Errors: ERR_IO; ERR_TOO_LARGE (more topics than a slot holds); ERR_NOMEM */
enum err spool_cursors_write(struct spool_cursors *cursors, const struct spool_cursor_state *state,
                             struct errmsg *msg);

void spool_cursors_close(struct spool_cursors *cursors);

#endif
