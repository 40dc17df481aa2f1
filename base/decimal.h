/* SPDX-License-Identifier: MIT
 * decimal.h - a number as text, for answers where printf would cost as much as all the rest. */
#ifndef PENSTOCK_BASE_DECIMAL_H
#define PENSTOCK_BASE_DECIMAL_H

#include <stdint.h>

#define DECIMAL_SIZE 21 /* 2^64 - 1, and a NUL */

/* Returns the place in out where the digits begin; they end with a NUL. */
static inline const char *decimal_of(uint64_t value, char out[DECIMAL_SIZE])
{
    char *p = out + DECIMAL_SIZE - 1;
    *p = '\0';
    do
        *--p = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return p;
}

#endif
