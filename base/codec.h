/* SPDX-License-Identifier: MIT
 * codec.h - fixed-width little-endian integers and LEB128 varints in byte buffers.
 *
 * put_* write at p and return the byte after; the caller has made sure of the room.
 * A `struct codec_in` reads with bounds checks: after any failure `ok` is false and every further
 * read returns zero, so a decoder checks once at its end. */
#ifndef PENSTOCK_BASE_CODEC_H
#define PENSTOCK_BASE_CODEC_H

#include "base/bytes.h"

static inline uint8_t *codec_put_le(uint8_t *p, uint64_t value, unsigned width_bytes)
{
    for (unsigned i = 0; i < width_bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
    return p + width_bytes;
}

static inline uint64_t codec_get_le(const uint8_t *p, unsigned width_bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width_bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static inline uint8_t *codec_put_u16(uint8_t *p, uint16_t v)
{
    return codec_put_le(p, v, 2);
}
static inline uint8_t *codec_put_u32(uint8_t *p, uint32_t v)
{
    return codec_put_le(p, v, 4);
}
static inline uint8_t *codec_put_u64(uint8_t *p, uint64_t v)
{
    return codec_put_le(p, v, 8);
}
/* Getters are written out: compilers make one load of such an expression, but not of the loop. */
static inline uint16_t codec_get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t codec_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint32_t codec_get_u24(const uint8_t *p)
{
    return codec_get_u16(p) | (uint32_t)p[2] << 16;
}
static inline uint64_t codec_get_u48(const uint8_t *p)
{
    return codec_get_u32(p) | (uint64_t)codec_get_u16(p + 4) << 32;
}
static inline uint64_t codec_get_u64(const uint8_t *p)
{
    return codec_get_u32(p) | (uint64_t)codec_get_u32(p + 4) << 32;
}

static inline size_t codec_varint_size(uint64_t value)
{
    size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

static inline uint8_t *codec_put_varint(uint8_t *p, uint64_t value)
{
    while (value >= 0x80) {
        *p++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *p++ = (uint8_t)value;
    return p;
}

struct codec_in {
    const uint8_t *p;
    const uint8_t *end;
    bool ok;
};

static inline struct codec_in codec_in_of(const void *data, size_t size)
{
    /* C doesn't define NULL + 0 */
    const uint8_t *p = data == NULL ? (const uint8_t *)"" : data;
    return (struct codec_in){p, p + size, true};
}

static inline size_t codec_in_left(const struct codec_in *in)
{
    return (size_t)(in->end - in->p);
}

static inline struct bytes codec_in_bytes(struct codec_in *in, uint64_t size)
{
    if (!in->ok || size > codec_in_left(in)) {
        in->ok = false;
        return BYTES_NULL;
    }
    struct bytes out = {in->p, (size_t)size};
    in->p += size;
    return out;
}

static inline uint64_t codec_in_le(struct codec_in *in, unsigned width_bytes)
{
    struct bytes raw = codec_in_bytes(in, width_bytes);
    return raw.data == NULL ? 0 : codec_get_le(raw.data, width_bytes);
}

static inline uint64_t codec_in_varint(struct codec_in *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (!in->ok || in->p == in->end)
            break;
        uint8_t byte = *in->p++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    in->ok = false;
    return 0;
}

/* Copies bytes to p; returns the byte after them. */
static inline uint8_t *codec_put_bytes(uint8_t *p, struct bytes bytes)
{
    if (bytes.size > 0)
        memcpy(p, bytes.data, bytes.size);
    return p + bytes.size;
}

#endif
