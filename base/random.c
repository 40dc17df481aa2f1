/* SPDX-License-Identifier: MIT
 * random.c - random bytes from the kernel, and UUIDs made of them. */
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *out, size_t size)
{
    uint8_t *p = out;
    while (size > 0) {
        ssize_t n = getrandom(p, size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort(); /* without randomness the checksum seed would be guessable */
        p += n;
        size -= (size_t)n;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof value);
    return value;
}

void random_uuid_v4(uint8_t out[16])
{
    random_bytes(out, 16);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

void uuid_format(const uint8_t uuid[16], char out[UUID_TEXT_SIZE])
{
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        p += sprintf(p, "%02x", uuid[i]);
    }
}

int uuid_parse(const char *text, uint8_t out[16])
{
    if (strlen(text) != 36)
        return -1;
    uint8_t uuid[16];
    for (int i = 0, at = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
            return -1;
        char digits[] = {text[at], text[at + 1], '\0'};
        if (strspn(digits, "0123456789abcdefABCDEF") != 2)
            return -1;
        uuid[i] = (uint8_t)strtoul(digits, NULL, 16);
        at += 2;
    }
    memcpy(out, uuid, 16);
    return 0;
}
