/* SPDX-License-Identifier: MIT
 * unreported.h - losses that the cursors have passed and that are in no loss report yet: after a
 * crash they must still be known.
 *
 * The cursors file holds them as ranges, each from the moment when a cursor passes it until its
 * report is written. */
#ifndef PENSTOCK_SPOOL_LEDGER_UNREPORTED_H
#define PENSTOCK_SPOOL_LEDGER_UNREPORTED_H

#include "base/err.h"
#include "spool/format/cursor_state.h"

struct spool;

/* Puts the ranges that are to be written now into the state. With the spool's lock held.
 * ERR_NOMEM */
enum err spool_unreported_list(struct spool *spool, struct spool_cursor_state *state);

#endif
