/* SPDX-License-Identifier: MIT
 * fuzz_cursor_slot.c - any bytes as the body of a slot of `cursors`, behind a head that vouches for
 * them: what is read is written and read again as the same bytes. */
#include "base/codec.h"
#include "spool/format/cursor_slot.h"

#include <stdlib.h>
#include <xxhash.h>

/* docs/spool-format.md §6 */
enum { AT_CHECKSUM = 8, AT_UUID = 16, AT_BODY_SIZE = 40, HEAD_SIZE = 44 };

static const uint8_t uuid[16] = "0123456789abcde";
static const uint64_t seed = 7;

static bool read_slot(struct bytes slot, struct spool_cursor_state *state)
{
    uint64_t sequence;
    return spool_cursor_slot_get(slot, uuid, seed, &sequence, state);
}

static void write_slot(struct spool_cursor_state *state, struct buf *slot)
{
    enum err rc = spool_cursor_slot_put(slot, uuid, seed, 1, state);
    spool_cursor_state_free(state);
    if (rc != ERR_OK && rc != ERR_TOO_LARGE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spool_cursor_state state;
    struct buf first = {0}, second = {0}, slot = {0};
    uint8_t head[HEAD_SIZE] = "PSCURSR1";
    memcpy(head + AT_UUID, uuid, sizeof uuid);
    codec_put_u32(head + AT_BODY_SIZE, (uint32_t)size);
    if (!buf_append(&slot, head, sizeof head) || !buf_append(&slot, data, size))
        abort();
    codec_put_u64(slot.data + AT_CHECKSUM,
                  XXH3_64bits_withSeed(slot.data + AT_UUID, slot.size - AT_UUID, seed));
    if (read_slot(buf_bytes(&slot), &state)) {
        write_slot(&state, &first);
        if (first.size <= SPOOL_CURSORS_SLOT_SIZE) {
            if (!read_slot(buf_bytes(&first), &state))
                abort();
            write_slot(&state, &second);
            if (!bytes_equal(buf_bytes(&first), buf_bytes(&second)))
                abort();
        }
    }
    buf_free(&first);
    buf_free(&second);
    buf_free(&slot);
    return 0;
}
