/* SPDX-License-Identifier: MIT
 * leveldb_log.h - walks the fragments of a LevelDB log file, whatever its bytes are.
 *
 * The format (LevelDB's doc/log_format.md): blocks of 32 KiB, each a run of fragments: masked
 * CRC-32C of type and payload (4), length (2), type (1), payload; up to 6 zero bytes fill a block.
 * After a fragment that doesn't verify the walk goes on at its end, if the length can be believed,
 * else at the next header that verifies, at any offset, or at the next block. Within a block
 * headers stand only between records, so handing out damaged bytes as they lie there cuts no frame.
 * Every byte is handed out once, in order: in an intact fragment's payload or as damaged. Memory
 * and work per byte are bounded. One thread at a time. */
#ifndef PENSTOCK_SPOOL_READ_LEVELDB_LOG_H
#define PENSTOCK_SPOOL_READ_LEVELDB_LOG_H

#include "base/bytes.h"
#include "base/err.h"

#define SPOOL_LEVELDB_LOG_BLOCK_SIZE 32768 /* LevelDB's log_format.h, kBlockSize */

struct spool_leveldb_log {
    int fd;            /* borrowed */
    uint64_t position; /* of the next header */
    uint8_t *window;   /* bytes [window_start, window_start + window_size) of the file */
    uint64_t window_start;
    size_t window_size;
    uint64_t short_end; /* the `end` up to which the file was read when it ended at the window's
                         * end; 0: not known to end there */
    uint32_t grid;      /* where blocks begin, modulo their size; not 0 after a write that was cut
                         * short */
    bool anchored;      /* a header must stand at the position; false after a header that a search
                         * found, up to the next block */
    bool may_go_on;     /* the fragment before the position is intact, and its record goes on in the
                         * next block */
    uint64_t credit;    /* bytes that may still be checksummed in vain */
};

struct spool_leveldb_log_piece {
    struct bytes bytes;  /* valid until the next call */
    uint32_t file_bytes; /* bytes of the file that the piece takes, headers included */
    bool intact;         /* payload of a fragment whose checksum verified */
    bool zeros;          /* damaged, and only zero bytes */
    bool unwritten;     /* damaged, with zeros in place of a fragment's header: a crash left out the
                         * beginning of a write */
    bool starts_record; /* intact, and a record begins here */
    bool breaks; /* the bytes before don't go on here. Not set for a fragment that a search found: a
                  * client may have put it into an event, so its header is then among the bytes,
                  * which just go on */
};

/* ERR_NOMEM */
enum err spool_leveldb_log_init(struct spool_leveldb_log *log, int fd, uint64_t position);
/* leaves fd open */
void spool_leveldb_log_done(struct spool_leveldb_log *log);

/* Takes the next piece. end bounds how far the file is read.
 * Errors: ERR_END (nothing more below end), ERR_UNREADABLE (errno says why; the position is
 * kept) */
enum err spool_leveldb_log_next(struct spool_leveldb_log *log, uint64_t end,
                                struct spool_leveldb_log_piece *ret_piece);

/* Hands out the file as damaged bytes, for files that are no logs. Errors: as above */
enum err spool_leveldb_log_next_raw(struct spool_leveldb_log *log,
                                    struct spool_leveldb_log_piece *ret_piece);

#endif
