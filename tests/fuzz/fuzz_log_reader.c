/* SPDX-License-Identifier: MIT
 * fuzz_log_reader.c - any bytes as a segment's log: reading ends, returns only events that verify,
 * each once, and its findings add up.
 *
 * The last byte says how the bytes are made more like a log: 1: checksums of fragments are put
 * right; 2: those of frames; 4: it is read in two steps. */
#include "base/codec.h"
#include "base/crc32c.h"
#include "spool/read/leveldb_log.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED         0x5eed0fa11c0ffee5ull
#define SEGMENT_ID   109843750000ull
#define SEGMENT_NAME "109843750000"

enum { FIX_FRAGMENTS = 1, FIX_FRAMES = 2, TWO_STEPS = 4, SIZE_MAX_FED = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void fix_frames(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + SPOOL_FRAME_SIZE_MIN <= size; at++) {
        size_t frame_size = spool_frame_peek_size(data + at, size - at);
        if (frame_size == 0 || frame_size > size - at)
            continue;
        uint32_t index = spool_id_index(codec_get_u64(data + at + 8)),
                 batch_first = codec_get_u24(data + at + 16);
        spool_frame_stamp(data + at, spool_id_of(SEGMENT_ID, index), batch_first, SEED);
        at += frame_size - 1;
    }
}

static void fix_fragments(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + 7 <= size;) {
        size_t in_block = 32768 - at % 32768, fragment = 7 + (size_t)codec_get_u16(data + at + 4);
        if (in_block < 7 || fragment > in_block || fragment > size - at) {
            at += in_block;
            continue;
        }
        uint32_t crc = crc32c(data + at + 6, fragment - 6);
        codec_put_u32(data + at, ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
        at += fragment;
    }
}

/* Every byte is handed out once, in order, but for headers and filler. */
static void check_pieces(int fd, size_t size)
{
    struct spool_leveldb_log log;
    struct spool_leveldb_log_piece piece;
    uint64_t before = 0;
    require(spool_leveldb_log_init(&log, fd, 0) == ERR_OK);
    enum err rc;
    while ((rc = spool_leveldb_log_next(&log, UINT64_MAX, &piece)) == ERR_OK) {
        require(piece.file_bytes > 0 && piece.bytes.size <= piece.file_bytes &&
                piece.file_bytes <= 65536);
        require(log.position >= before + piece.file_bytes &&
                log.position - before - piece.file_bytes < 7);
        before = log.position;
    }
    require(rc == ERR_END && log.position == size);
    spool_leveldb_log_done(&log);
}

static void check_ranges(const struct spool_ranges *ranges, const bool *seen, size_t seen_size,
                         uint64_t *total)
{
    for (size_t i = 0; i < ranges->count; i++) {
        require(ranges->items[i].first <= ranges->items[i].last);
        *total += ranges->items[i].last - ranges->items[i].first + 1;
        for (uint32_t index = ranges->items[i].first;
             index <= ranges->items[i].last && index < seen_size; index++)
            require(!seen[index]);
    }
}

static void check_reader(int dir_fd, uint64_t first_bound)
{
    enum { SEEN_SIZE = 1 << 16 };
    static bool seen[SEEN_SIZE];
    memset(seen, 0, sizeof seen);
    struct spool_reader_options options = {.parent_fd = dir_fd,
                                           .name = SEGMENT_NAME,
                                           .segment_id = SEGMENT_ID,
                                           .seed = SEED,
                                           .count_limit = SPOOL_COUNT_UNKNOWN};
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    require(spool_reader_open(&options, &reader, NULL) == ERR_OK);
    uint64_t count = 0;
    for (int step = first_bound == SPOOL_READ_TO_END; step < 2; step++) {
        while (spool_reader_next(reader, step == 0 ? first_bound : SPOOL_READ_TO_END, &chunk,
                                 NULL) == ERR_OK) {
            require(chunk->event_count > 0);
            for (size_t pos = 0; pos < chunk->size; count++) {
                struct spool_frame frame;
                require(spool_frame_get_trusted(chunk->data + pos, chunk->size - pos, &frame));
                require(spool_id_segment(frame.id) == SEGMENT_ID);
                uint32_t index = spool_id_index(frame.id);
                require(index >= SEEN_SIZE || !seen[index]);
                if (index < SEEN_SIZE)
                    seen[index] = true;
                pos += frame.size;
            }
            spool_chunk_unref(chunk);
        }
    }
    const struct spool_findings *findings = spool_reader_findings(reader);
    uint64_t total = 0;
    check_ranges(&findings->lost, seen, SEEN_SIZE, &total);
    check_ranges(&findings->uncertain, seen, SEEN_SIZE, &total);
    require(findings->event_count == count &&
            total == findings->lost.total + findings->uncertain.total);
    require(findings->damaged || findings->lost.total == 0);
    spool_reader_close(reader);
    struct spool_segment_ends ends;
    require(spool_segment_ends_read(&options, &ends, NULL) == ERR_OK);
    spool_segment_ends_free(&ends);
}

static char root[64];

static void remove_root(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/" SEGMENT_NAME "/000003.log", root);
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    rmdir(root);
}

static int open_root(void)
{
    snprintf(root, sizeof root, "%s/penstock-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    require(mkdtemp(root) != NULL);
    atexit(remove_root);
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(fd >= 0 && mkdirat(fd, SEGMENT_NAME, 0700) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int dir_fd = -1;
    if (dir_fd < 0)
        dir_fd = open_root();
    if (size == 0 || size > SIZE_MAX_FED)
        return 0;
    uint8_t how = data[--size];
    uint8_t *log = malloc(size + 1);
    require(log != NULL);
    memcpy(log, data, size);
    if (how & FIX_FRAMES)
        fix_frames(log, size);
    if (how & FIX_FRAGMENTS)
        fix_fragments(log, size);
    int fd =
        openat(dir_fd, SEGMENT_NAME "/000003.log", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && write(fd, log, size) == (ssize_t)size);
    check_pieces(fd, size);
    close(fd);
    check_reader(dir_fd, how & TWO_STEPS ? size / 2 : SPOOL_READ_TO_END);
    free(log);
    return 0;
}
