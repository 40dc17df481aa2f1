/* SPDX-License-Identifier: MIT
 * lines.h - kcat's rules for turning bytes into lines and a line into an event. Pure. */
#ifndef PENSTOCK_AGENT_CLIENT_LINES_H
#define PENSTOCK_AGENT_CLIENT_LINES_H

#include "base/buf.h"

/* Bytes that come in pieces, cut into lines. Zero-initialised but for line_bytes_max. */
struct agent_lines {
    size_t line_bytes_max;
    uint64_t number; /* of the last line that was found, from 1 */
    struct buf input;
    size_t used;     /* bytes of input that were handed out */
    size_t searched; /* bytes before this hold no LF */
    bool skipping;   /* the rest of a line that was too long */
};

enum agent_lines_found {
    AGENT_LINES_NONE, /* no line: more bytes are needed, or the end was reached */
    AGENT_LINES_LINE,
    AGENT_LINES_TOO_LONG, /* longer than line_bytes_max: left out */
};

/* Room for at least size bytes, to be filled and announced with agent_lines_filled(). NULL: out of
 * memory. Ends the life of lines handed out before. */
uint8_t *agent_lines_room(struct agent_lines *lines, size_t size);
void agent_lines_filled(struct agent_lines *lines, size_t size);

/* The next line, without its LF. at_end: no more bytes will come, and the last line may lack its
 * LF. */
enum agent_lines_found agent_lines_next(struct agent_lines *lines, bool at_end,
                                        struct bytes *ret_line);
void agent_lines_done(struct agent_lines *lines);

struct agent_line {
    struct bytes key;   /* data NULL: none */
    struct bytes value; /* data NULL: null */
};

/* line has no LF. Splits at the first delimiter (NULL: no splitting); without one in it the whole
 * line is the value. With empty_is_null an empty key or value is null. False: an empty line, which
 * is skipped. */
bool agent_line_split(struct bytes line, const char *delimiter, bool empty_is_null,
                      struct agent_line *ret_line);

/* Writes text to out (as large as text) with \t \n \r \\ and \xHH as the bytes they stand for.
 * False: malformed, or empty, or with a zero byte inside. */
bool agent_line_unescape(const char *text, char *out);

#endif
