/* SPDX-License-Identifier: MIT
 * crc32c.c - CRC-32C by SSE4.2 or ARMv8 instructions, or eight tables at a time. */
#include "base/crc32c.h"

#include "base/codec.h"

#include <pthread.h>
#include <stdbool.h>

#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

#define CRC32C_POLYNOMIAL_REFLECTED 0x82f63b78u /* 0x1EDC6F41 with its bits reversed */

static uint32_t tables[8][256];
static bool have_instruction;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) ? CRC32C_POLYNOMIAL_REFLECTED : 0);
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
#if defined(__x86_64__)
    have_instruction = __builtin_cpu_supports("sse4.2");
#elif defined(__aarch64__)
    have_instruction = (getauxval(AT_HWCAP) & (1ul << 7)) != 0; /* HWCAP_CRC32 */
#endif
}

static uint32_t extend_tables(uint32_t crc, const uint8_t *p, size_t size)
{
    for (; size >= 8; p += 8, size -= 8) {
        uint32_t low = crc ^ codec_get_u32(p), high = codec_get_u32(p + 4);
        crc = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^
              tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][(high >> 8) & 0xff] ^
              tables[1][(high >> 16) & 0xff] ^ tables[0][high >> 24];
    }
    while (size-- > 0)
        crc = (crc >> 8) ^ tables[0][(crc ^ *p++) & 0xff];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t extend_instruction(uint32_t crc, const uint8_t *p,
                                                                     size_t size)
{
    uint64_t wide = crc;
    for (; size >= 8; p += 8, size -= 8)
        wide = __builtin_ia32_crc32di(wide, codec_get_u64(p));
    crc = (uint32_t)wide;
    while (size-- > 0)
        crc = __builtin_ia32_crc32qi(crc, *p++);
    return crc;
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t extend_instruction(uint32_t crc, const uint8_t *p,
                                                                   size_t size)
{
    for (; size >= 8; p += 8, size -= 8)
        crc = __crc32cd(crc, codec_get_u64(p));
    while (size-- > 0)
        crc = __crc32cb(crc, *p++);
    return crc;
}
#else
static uint32_t extend_instruction(uint32_t crc, const uint8_t *p, size_t size)
{
    return extend_tables(crc, p, size);
}
#endif

uint32_t crc32c_extend(uint32_t crc, const void *data, size_t size)
{
    pthread_once(&prepared, prepare);
    return ~(have_instruction ? extend_instruction : extend_tables)(~crc, data, size);
}
