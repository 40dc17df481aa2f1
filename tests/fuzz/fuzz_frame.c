/* SPDX-License-Identifier: MIT
 * fuzz_frame.c - any bytes as a frame, and as what lies inside one. What decodes must encode to the same bytes. */
#include "spool/spool_records.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_bodies(const struct spool_frame *frame)
{
    struct spool_segment_header header;
    struct spool_link links[4];
    struct spool_seal seal;
    struct spool_seal_topic topic;
    spool_header_get(frame, &header);
    spool_links_get(frame, links, 4);
    if (spool_seal_get(frame, &seal))
        while (spool_seal_next(&seal, &topic))
            assert(topic.topic.size > 0);
}

static void try_event(const struct spool_event *event, const uint8_t *frame, size_t size)
{
    struct bytes rest = event->headers;
    struct spool_header header;
    while (spool_headers_next(&rest, &header))
        assert(header.name.size <= event->headers.size);
    if (spool_frame_size(event) != size)
        return; /* a longer way to write the same lengths */
    uint8_t *again = malloc(size);
    struct spool_frame decoded;
    spool_frame_put(again, event);
    spool_frame_stamp(again, event->id, 0, 0);
    assert(spool_frame_get(again, size, 0, &decoded));
    assert(bytes_equal(decoded.event.value, event->value) && bytes_equal(decoded.event.key, event->key));
    free(again);
    (void)frame;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spool_frame frame;
    struct spool_segment_header header;
    spool_frame_get(data, size, 0, &frame);
    spool_header_find(data, size, &header);
    if (spool_frame_get_trusted(data, size, &frame)) {
        assert(frame.size <= size);
        if (frame.kind == SPOOL_FRAME_EVENT)
            try_event(&frame.event, data, frame.size);
        else
            try_bodies(&frame);
    }
    return 0;
}
