/* SPDX-License-Identifier: MIT
 * spool_log.h - walks the fragments of a LevelDB log file, whatever its bytes are.
 *
 * The format (LevelDB's doc/log_format.md): blocks of 32 KiB, each a run of fragments: masked CRC-32C of type and payload (4),
 * length (2), type (1), payload; up to 6 zero bytes fill a block. Where a fragment doesn't verify the walk goes on behind it, if its
 * length can be believed, else at the next header that verifies, at any offset. Every byte is handed out, in
 * order, once: in an intact fragment's payload or as damaged. Bounded memory. One thread at a time. */
#ifndef PENSTOCK_SPOOL_LOG_H
#define PENSTOCK_SPOOL_LOG_H

#include "base/bytes.h"
#include "base/err.h"

struct spool_log {
    int fd;             /* borrowed */
    uint64_t position;  /* of the next header */
    uint8_t *window;    /* bytes [window_start, window_start + window_size) of the file */
    uint64_t window_start;
    size_t window_size;
    size_t window_capacity;
    bool lost;          /* no header is expected at the position: a search ended there */
};

struct spool_log_piece {
    struct bytes bytes;   /* valid until the next call */
    bool intact;          /* payload of a fragment whose checksum verified */
    bool starts_record;   /* intact, and a record begins here */
};

enum err spool_log_init(struct spool_log *log, int fd); /* ERR_NOMEM */
void spool_log_done(struct spool_log *log);             /* leaves fd open */

/* Takes the next piece. end bounds how far the file is read.
 * Errors: ERR_END (nothing more below end), ERR_UNREADABLE (the position is kept) */
enum err spool_log_next(struct spool_log *log, uint64_t end, struct spool_log_piece *ret_piece);

/* Hands out the file as it is, as damaged bytes, for files that are no logs. Errors: as above */
enum err spool_log_next_raw(struct spool_log *log, struct spool_log_piece *ret_piece);

#endif
