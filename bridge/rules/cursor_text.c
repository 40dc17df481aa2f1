/* SPDX-License-Identifier: MIT
 * cursor_text.c - the text beside the offset, parsed strictly: a damaged or foreign text is refused
 * as a whole. */
#include "bridge/rules/cursor_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LANE_SIZE_MAX 34 /* 16 digits, "=", 16 digits, "," */

_Static_assert(sizeof "p1;;0123456789abcdef;" + BRIDGE_CURSOR_TEXT_CLUSTER_SIZE +
                       BRIDGE_CURSOR_TEXT_LANES_MAX * LANE_SIZE_MAX <=
                   BRIDGE_CURSOR_TEXT_SIZE_MAX,
               "the most lanes with the largest numbers fit");

uint64_t bridge_cursor_text_hash(struct bytes topic)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < topic.size; i++)
        hash = (hash ^ topic.data[i]) * 1099511628211u;
    return hash;
}

static bool cluster_char(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != ';';
}

static bool cluster_fits(const char *cluster)
{
    size_t size = strnlen(cluster, BRIDGE_CURSOR_TEXT_CLUSTER_SIZE);
    for (size_t i = 0; i < size; i++)
        if (!cluster_char((uint8_t)cluster[i]))
            return false;
    return size < BRIDGE_CURSOR_TEXT_CLUSTER_SIZE;
}

void bridge_cursor_text_encode(const struct bridge_cursor_text *meta, uint64_t offset_id,
                               char ret_text[BRIDGE_CURSOR_TEXT_SIZE_MAX + 1])
{
    assert(meta->lane_count <= BRIDGE_CURSOR_TEXT_LANES_MAX);
    size_t size = (size_t)snprintf(ret_text, BRIDGE_CURSOR_TEXT_SIZE_MAX + 1, "p1;%s;%" PRIx64 ";",
                                   cluster_fits(meta->cluster) ? meta->cluster : "", meta->nonce);
    for (size_t i = 0; i < meta->lane_count; i++) {
        assert(meta->lanes[i].done_id < offset_id);
        size += (size_t)snprintf(ret_text + size, BRIDGE_CURSOR_TEXT_SIZE_MAX + 1 - size,
                                 "%s%" PRIx64 "=%" PRIx64, i == 0 ? "" : ",",
                                 meta->lanes[i].topic_hash, offset_id - meta->lanes[i].done_id);
        assert(size <= BRIDGE_CURSOR_TEXT_SIZE_MAX);
    }
}

static bool take_char(struct bytes *in, char c)
{
    if (in->size == 0 || in->data[0] != (uint8_t)c)
        return false;
    *in = (struct bytes){in->data + 1, in->size - 1};
    return true;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Number as bridge_cursor_text_encode() writes it: 1 to 16 digits, without leading zeros. */
static bool take_hex(struct bytes *in, uint64_t *ret)
{
    size_t digits = 0;
    uint64_t number = 0;
    while (digits < in->size && hex_digit(in->data[digits]) >= 0) {
        if (digits == 16)
            return false;
        number = number << 4 | (uint64_t)hex_digit(in->data[digits++]);
    }
    if (digits == 0 || (digits > 1 && in->data[0] == '0'))
        return false;
    *in = (struct bytes){in->data + digits, in->size - digits};
    *ret = number;
    return true;
}

static bool take_cluster(struct bytes *in, char ret[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE])
{
    size_t size = 0;
    while (size < in->size && cluster_char(in->data[size]))
        size++;
    if (size >= BRIDGE_CURSOR_TEXT_CLUSTER_SIZE)
        return false;
    memcpy(ret, in->data, size);
    ret[size] = '\0';
    *in = (struct bytes){in->data + size, in->size - size};
    return take_char(in, ';');
}

static bool take_lane(struct bytes *in, uint64_t offset_id, struct bridge_cursor_lane *ret)
{
    uint64_t behind;
    if (!take_hex(in, &ret->topic_hash) || !take_char(in, '=') || !take_hex(in, &behind))
        return false;
    if (behind == 0 || behind > offset_id)
        return false;
    ret->done_id = offset_id - behind;
    return true;
}

bool bridge_cursor_text_decode(struct bytes text, uint64_t offset_id,
                               struct bridge_cursor_text *ret_meta)
{
    *ret_meta = (struct bridge_cursor_text){0};
    if (text.size > BRIDGE_CURSOR_TEXT_SIZE_MAX || !take_char(&text, 'p') ||
        !take_char(&text, '1') || !take_char(&text, ';') ||
        !take_cluster(&text, ret_meta->cluster) || !take_hex(&text, &ret_meta->nonce) ||
        !take_char(&text, ';'))
        return false;
    while (text.size > 0) {
        if (ret_meta->lane_count > 0 && !take_char(&text, ','))
            return false;
        if (ret_meta->lane_count == BRIDGE_CURSOR_TEXT_LANES_MAX ||
            !take_lane(&text, offset_id, &ret_meta->lanes[ret_meta->lane_count]))
            return false;
        ret_meta->lane_count++;
    }
    return true;
}

uint64_t bridge_cursor_text_lane(const struct bridge_cursor_text *meta, uint64_t topic_hash,
                                 uint64_t offset_id)
{
    for (size_t i = 0; i < meta->lane_count; i++)
        if (meta->lanes[i].topic_hash == topic_hash)
            return meta->lanes[i].done_id;
    return offset_id;
}
