/* SPDX-License-Identifier: MIT
 * base64.h - strict standard base64 (RFC 4648 §4): padding required, nothing else allowed.
 * Pure. */
#ifndef PENSTOCK_BASE_BASE64_H
#define PENSTOCK_BASE_BASE64_H

#include "base/buf.h"

/* Appends the decoded bytes. False: the text is malformed (out is then as before), or memory is
 * out. */
bool base64_decode(struct bytes text, struct buf *out);
bool base64_encode(struct bytes data, struct buf *out);

#endif
