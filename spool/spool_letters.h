/* SPDX-License-Identifier: MIT
 * spool_letters.h - dead letters: events that Kafka can never take, kept in dead-letter/ with the
 * reason, until people requeue or drop them.
 *
 * A letter is written in one synced batch: an event of the topic SPOOL_LETTERS_TOPIC with the
 * reason as JSON, and the event itself, its frame whole inside another one ("moved"), so that it
 * keeps its id. Segments there are like all others, and are read by the same verifying reader
 * (docs/spool-format.md). To remove letters, the rest is written anew without them; a crash in
 * between shows removed letters again, and never loses one. Any thread. The functions that read
 * without a spool need no open one. */
#ifndef PENSTOCK_SPOOL_LETTERS_H
#define PENSTOCK_SPOOL_LETTERS_H

#include "base/err.h"
#include "spool/format/frame.h"

#include <stdbool.h>

struct spool;

#define SPOOL_LETTERS_FOLDER     "dead-letter"
#define SPOOL_LETTERS_TOPIC      "penstock.dead-letter"
#define SPOOL_LETTERS_ERROR_SIZE 64
#define SPOOL_LETTERS_TEXT_SIZE  256

struct spool_letter_reason {
    char error[SPOOL_LETTERS_ERROR_SIZE]; /* Kafka's name of it, such as MSG_SIZE_TOO_LARGE; "": the
                                           * reason is damaged */
    char text[SPOOL_LETTERS_TEXT_SIZE];
    int64_t time_ms; /* when the event became a letter; 0: not known */
};

/* A letter while it is read; the views live as long as the call that it is passed to. */
struct spool_letter {
    uint64_t id;              /* under which the event was accepted */
    struct spool_event event; /* with the id of the letter's frame, not the accepted one */
    struct bytes frame;       /* the event's, as accepted */
    struct spool_letter_reason reason;
};

/* false ends the reading */
typedef bool spool_letters_fn(void *arg, const struct spool_letter *letter);

/* Reads the letters in a spool's folder, each once, and changes nothing; an agent may be running on
 * the spool.
 * Errors: ERR_CLOSED (fn ended it), ERR_UNREADABLE, ERR_NOMEM */
enum err spool_letters_read(int folder_fd, uint64_t seed, spool_letters_fn *fn, void *arg,
                            struct errmsg *msg);
/* The same for the spool at a path. ERR_NOT_FOUND: no spool there */
enum err spool_letters_read_path(const char *path, spool_letters_fn *fn, void *arg,
                                 struct errmsg *msg);

/* Reads which letters there are. Call it before the first event becomes a letter, so that after a
 * crash no event becomes a letter, or is sent, a second time. Blocks on the disk. Errors:
 * ERR_UNREADABLE, ERR_NOMEM, ERR_IO: try again */
enum err spool_letters_load(struct spool *spool, struct errmsg *msg);

/* Is the event a dead letter? False before spool_letters_load(). Never waits for the disk. */
bool spool_letters_have(struct spool *spool, uint64_t id);
/* Are the letters known, so that spool_letters_have() tells? */
bool spool_letters_known(const struct spool *spool);
/* Was the event a letter that was dropped or requeued in this run? Never waits for the disk. */
bool spool_letters_had(struct spool *spool, uint64_t id);

/* Writes an event into dead-letter/; ERR_OK: synced, now or before. frame is as in struct
 * spool_event, its seal not looked at.
 * Errors: ERR_FULL (dead_letter.max_size; nothing was written), ERR_IO, ERR_UNREADABLE, ERR_NOMEM,
 * ERR_TOO_LARGE */
enum err spool_letters_put(struct spool *spool, const struct spool_event *event,
                           const struct spool_letter_reason *reason, struct errmsg *msg);

/* Reads the letters, oldest first; holds off adding and removing meanwhile. Errors as
 * spool_letters_read(). */
enum err spool_letters_each(struct spool *spool, spool_letters_fn *fn, void *arg,
                            struct errmsg *msg);

/* Takes letters away, by their ids in ascending order; unknown ones are passed over. *ret_removed
 * may be NULL.
 * Errors: ERR_IO, ERR_UNREADABLE, ERR_NOMEM: all are still there */
enum err spool_letters_remove(struct spool *spool, const uint64_t *ids, size_t count,
                              size_t *ret_removed, struct errmsg *msg);

#endif
