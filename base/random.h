/* SPDX-License-Identifier: MIT
 * random.h - random bytes from the kernel, and UUIDs made of them. */
#ifndef PENSTOCK_BASE_RANDOM_H
#define PENSTOCK_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_SIZE 37 /* 36 characters and the NUL */

void random_bytes(void *out, size_t size); /* never fails on Linux >= 3.17 */
uint64_t random_u64(void);
void random_uuid_v4(uint8_t out[16]);                               /* RFC 9562 */
void uuid_format(const uint8_t uuid[16], char out[UUID_TEXT_SIZE]); /* lower case, with dashes */
int uuid_parse(const char *text, uint8_t out[16]);                  /* 0, or -1 when malformed */

#endif
