/* SPDX-License-Identifier: MIT
 * agent_lines.h - kcat's rules for turning a line into an event. Pure. */
#ifndef PENSTOCK_AGENT_LINES_H
#define PENSTOCK_AGENT_LINES_H

#include "base/bytes.h"

struct agent_line {
    struct bytes key;   /* data NULL: none */
    struct bytes value; /* data NULL: null */
};

/* line has no LF. Splits at the first delimiter (NULL: no splitting); without one in it the whole line is the value. With
 * empty_is_null an empty key or value is null. False: an empty line, which is skipped. */
bool agent_line_split(struct bytes line, const char *delimiter, bool empty_is_null, struct agent_line *ret_line);

#endif
