/* SPDX-License-Identifier: MIT
 * roff.h - text as man(7) macros, so that man pages come from the words that the program shows
 * elsewhere. */
#ifndef PENSTOCK_BASE_ROFF_H
#define PENSTOCK_BASE_ROFF_H

#include "base/buf.h"

/* Appends text within a line of a page, and a newline: text that roff would read as a command is
 * escaped, `code` becomes bold. Newlines become blanks. */
void roff_text(struct buf *out, const char *text);

/* Appends text as an argument of a macro: one quoted word, without a newline. */
void roff_argument(struct buf *out, const char *text);

/* Text with line breaks that stay as they are. */
void roff_verbatim(struct buf *out, const char *text);

/* The little Markdown that our own pages use: paragraphs, "- " items, ``` blocks, `code`, **bold**
 * and [links](…). Titles and <!-- comments --> on a line of their own are left out; the first
 * paragraph gets no macro of its own. */
void roff_markdown(struct buf *out, const char *text);

#endif
