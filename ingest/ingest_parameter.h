/* SPDX-License-Identifier: MIT
 * ingest_parameter.h - values in paths and queries as text: percent-encoding and numbers. Pure. */
#ifndef PENSTOCK_INGEST_PARAMETER_H
#define PENSTOCK_INGEST_PARAMETER_H

#include "base/bytes.h"

/* Decodes %XX; false on a malformed escape or when it doesn't fit. */
bool ingest_percent_decode(struct bytes text, uint8_t *out, size_t size_max, size_t *ret_size);

/* A decimal number in [0, max]; false otherwise. */
bool ingest_number_parse(const char *text, int64_t max, int64_t *ret_number);

#endif
