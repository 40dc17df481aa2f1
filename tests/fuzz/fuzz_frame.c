/* SPDX-License-Identifier: MIT
 * fuzz_frame.c - any bytes as a frame and as a stream with frames in it: nothing outside is
 * touched, what decodes can be written again. */
#include "base/codec.h"
#include "spool/format/records.h"
#include "spool/read/frame_scan.h"

#include <stdlib.h>

#define SEED       0x5eed0fa11c0ffee5ull
#define SEGMENT_ID 109843750000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static uint32_t touch(struct bytes bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes.size; i++)
        sum += bytes.data[i];
    return sum;
}

static void check_event(const struct spool_event *event)
{
    volatile uint32_t sum =
        touch(event->topic) + touch(event->key) + touch(event->value) + touch(event->headers);
    (void)sum;
    struct bytes rest = event->headers;
    struct spool_header header;
    size_t left = rest.size;
    while (spool_headers_next(&rest, &header)) {
        require(rest.size < left); /* it ends */
        left = rest.size;
        sum = touch(header.name) + touch(header.value);
    }
    /* What was read can be written, and reads the same. */
    size_t size = spool_frame_size(event);
    require(size > 0);
    uint8_t *frame = malloc(size);
    require(frame != NULL && spool_frame_put(frame, event) == frame + size);
    spool_frame_stamp(frame, event->id, 0, SEED);
    struct spool_frame again;
    require(spool_frame_get(frame, size, SEED, &again));
    require(bytes_equal(again.event.topic, event->topic) &&
            bytes_equal(again.event.key, event->key) &&
            bytes_equal(again.event.value, event->value) &&
            bytes_equal(again.event.headers, event->headers));
    require(again.event.id == event->id && again.event.time_ms == event->time_ms &&
            again.event.partition == event->partition &&
            again.event.header_count == event->header_count &&
            again.event.client_time == event->client_time);
    free(frame);
}

static void check_records(const struct spool_frame *frame)
{
    struct spool_link links[4];
    struct spool_seal seal;
    struct spool_seal_topic topic;
    struct spool_segment_header header;
    (void)spool_links_get(frame, links, 4);
    (void)spool_links_get(frame, NULL, 0);
    if (spool_seal_get(frame, &seal))
        while (spool_seal_next(&seal, &topic))
            require(topic.topic.size > 0 && topic.topic.size <= SPOOL_TOPIC_SIZE_MAX);
    (void)spool_header_get(frame, &header);
}

static enum err on_frame(void *arg, const struct spool_frame *frame, const uint8_t *raw,
                         bool damaged)
{
    struct spool_frame again;
    (void)damaged;
    require(spool_frame_get(raw, frame->size, SEED, &again) &&
            spool_id_segment(frame->id) == SEGMENT_ID);
    ++*(uint32_t *)arg;
    return ERR_OK;
}

/* The stream is found to hold the same frames however it is cut. */
static uint32_t count_frames(const uint8_t *data, size_t size, size_t piece)
{
    struct spool_frame_scan scan;
    uint32_t count = 0;
    spool_frame_scan_init(&scan, SEGMENT_ID, SEED, on_frame, &count);
    for (size_t at = 0; at < size; at += piece)
        require(spool_frame_scan_feed(&scan,
                                      bytes_of(data + at, size - at < piece ? size - at : piece),
                                      false) == ERR_OK);
    require(spool_frame_scan_break(&scan) == ERR_OK);
    spool_frame_scan_done(&scan);
    return count;
}

static void check_stream(const uint8_t *data, size_t size)
{
    uint32_t count = count_frames(data, size, size);
    require(count_frames(data, size, 1) == count);
    require(count_frames(data, size, 37) == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spool_frame frame, verified;
    struct spool_segment_header header;
    if (size == 0)
        return 0;
    (void)spool_header_find(data, size, &header);
    check_stream(data, size);
    if (!spool_frame_get_trusted(data, size, &frame)) {
        require(!spool_frame_get(data, size, SEED, &verified));
        return 0;
    }
    require(frame.size <= size);
    if (frame.kind == SPOOL_FRAME_EVENT)
        check_event(&frame.event);
    else
        check_records(&frame);
    /* With a checksum that holds it verifies, and one byte changed it doesn't. */
    uint8_t *copy = malloc(size);
    require(copy != NULL);
    memcpy(copy, data, size);
    spool_frame_stamp(copy, spool_id_of(SEGMENT_ID, 1), 0, SEED);
    require(spool_frame_get(copy, size, SEED, &verified));
    check_stream(copy, size);
    copy[size % frame.size] ^= 1;
    require(!spool_frame_get(copy, size, SEED, &verified));
    free(copy);
    return 0;
}
