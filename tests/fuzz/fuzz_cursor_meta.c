/* SPDX-License-Identifier: MIT
 * fuzz_cursor_meta.c - any bytes as the text beside the offset: what is believed is written again
 * byte for byte. */
#include "bridge/rules/cursor_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bridge_cursor_text meta;
    static char text[BRIDGE_CURSOR_TEXT_SIZE_MAX + 1];
    uint64_t offset_id = 0;
    if (size < sizeof offset_id)
        return 0;
    memcpy(&offset_id, data, sizeof offset_id);
    struct bytes in = bytes_of(data + sizeof offset_id, size - sizeof offset_id);
    if (!bridge_cursor_text_decode(in, offset_id, &meta))
        return 0;
    bridge_cursor_text_encode(&meta, offset_id, text);
    if (strlen(text) != in.size || memcmp(text, in.data, in.size) != 0)
        abort();
    return 0;
}
