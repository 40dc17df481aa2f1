/* SPDX-License-Identifier: MIT
 * config_value.h - texts to numbers and back. Pure; false when the text is of another kind or the
 * number doesn't fit. */
#ifndef PENSTOCK_CONFIG_VALUE_H
#define PENSTOCK_CONFIG_VALUE_H

#include "base/buf.h"

bool config_value_count(const char *text, uint64_t *ret_count); /* decimal digits, nothing else */
bool config_value_size(const char *text, uint64_t *ret_bytes);  /* 32MiB, 10GB, 1000000 */
/* 500ms, 10s, 5m, 2h, 1d; the unit is needed */
bool config_value_duration(const char *text, uint64_t *ret_ms);
bool config_value_mode(const char *text, uint64_t *ret_mode); /* octal: 0660, 660, 0o660 */
bool config_value_bool(const char *text, uint64_t *ret_bool); /* true, false */

/* Written with the largest unit that loses nothing. */
void config_value_format_size(uint64_t bytes, struct buf *out);
void config_value_format_duration(uint64_t ms, struct buf *out);

#endif
