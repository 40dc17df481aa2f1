/* SPDX-License-Identifier: MIT
 * segment_writer.c - real segments for the reader's tests. */
#include "tests/support/segment_writer.h"

#include "base/codec.h"
#include "base/crc32c.h"
#include "spool/disk/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define BASE_TIME_MS 1757500000000ll

uint64_t segment_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static uint32_t below(struct segment_writer *w, uint32_t limit)
{
    return (uint32_t)(segment_random(&w->random) % limit);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void fill(struct segment_writer *w, uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        p[i] = (uint8_t)('a' + below(w, 26));
}

/* A whole frame of another segment, checksummed with this spool's seed: as when events hold a
 * copied spool. */
static void put_foreign_frame(uint8_t *p, size_t size)
{
    struct spool_event event = {.time_ms = BASE_TIME_MS,
                                .topic = bytes_of_string("foreign"),
                                .partition = SPOOL_PARTITION_ANY,
                                .value = bytes_of("foreign value", 13)};
    if (spool_frame_size(&event) > size)
        return;
    spool_frame_put(p, &event);
    spool_frame_stamp(p, spool_id_of(SEGMENT_ID + 1, 7), 0, SEGMENT_SEED);
}

/* A frame of this very segment, whose checksum alone is wrong, and that claims to be `claim` bytes
 * long. */
static void put_fake_head(struct segment_writer *w, uint8_t *p, size_t size, uint32_t claim)
{
    if (size < SPOOL_FRAME_HEAD_SIZE)
        return;
    memcpy(p, SPOOL_FRAME_MAGIC, SPOOL_FRAME_MAGIC_SIZE);
    codec_put_u32(p + 4, claim);
    codec_put_u64(p + 8, spool_id_of(SEGMENT_ID, below(w, 4000)));
    memset(p + 16, 0, 12);
    p[19] = SPOOL_FRAME_EVENT;
    p[27] = 1;
}

/* A fragment of a LevelDB log whose checksum holds. */
static void put_fragment(uint8_t *p, size_t size, uint8_t type)
{
    if (size < 40)
        return;
    p[6] = type;
    codec_put_u16(p + 4, 20);
    uint32_t crc = crc32c(p + 6, 21);
    codec_put_u32(p, ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
}

static void make_hostile(struct segment_writer *w, uint8_t *p, size_t size)
{
    for (size_t at = 0; at + 200 < size; at += 150 + below(w, 300)) {
        switch (below(w, 5)) {
        case 0: put_foreign_frame(p + at, size - at); break;
        case 1: put_fake_head(w, p + at, size - at, SPOOL_FRAME_SIZE_MAX - below(w, 1000)); break;
        case 2: put_fake_head(w, p + at, size - at, 36 + below(w, 50000)); break;
        case 3: put_fragment(p + at, size - at, (uint8_t)(1 + below(w, 4))); break;
        default: memset(p + at, 0, 60); break;
        }
    }
}

static void append_event(struct segment_writer *w, struct buf *frames, struct segment_shape shape)
{
    static const char *topics[] = {"orders", "clicks", "a.topic-with_a-longer.name"};
    uint32_t size =
        shape.value_bytes == 0 ? 0 : shape.value_bytes / 2 + below(w, shape.value_bytes);
    uint8_t *value = malloc(size + 1);
    uint8_t key[16];
    assert_non_null(value);
    fill(w, value, size);
    if (shape.hostile && below(w, 3) == 0)
        make_hostile(w, value, size);
    fill(w, key, sizeof key);
    struct spool_event event = {.time_ms = BASE_TIME_MS + w->event_count,
                                .topic = bytes_of_string(topics[below(w, 3)]),
                                .partition =
                                    below(w, 4) == 0 ? (int32_t)below(w, 12) : SPOOL_PARTITION_ANY,
                                .value = bytes_of(value, size)};
    if (below(w, 2) == 0)
        event.key = bytes_of(key, below(w, sizeof key + 1));
    size_t frame_size = spool_frame_size(&event);
    assert_true(frame_size > 0 && buf_reserve(frames, frame_size));
    frames->size = (size_t)(spool_frame_put(frames->data + frames->size, &event) - frames->data);
    free(value);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_header(struct segment_writer *w)
{
    struct spool_segment_header header = {
        .version = SPOOL_FORMAT_VERSION, .nonce = 7, .seed = SEGMENT_SEED};
    struct buf body = {0};
    uint8_t frame[256];
    assert_true(spool_header_put(&body, &header));
    size_t size =
        (size_t)(spool_frame_put_other(frame, SPOOL_FRAME_HEADER, BASE_TIME_MS, buf_bytes(&body)) -
                 frame);
    spool_frame_stamp(frame, spool_id_of(SEGMENT_ID, 0), 0, SEGMENT_SEED);
    struct spool_store_entry entry = {.key = "h", .value = bytes_of(frame, size)};
    assert_int_equal(spool_store_write(w->store, &entry, 1, NULL), ERR_OK);
    buf_free(&body);
}

static void find_log(struct segment_writer *w)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", w->dir, SEGMENT_NAME);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strlen(entry->d_name) < 20 && strstr(entry->d_name, ".log") != NULL)
            snprintf(w->log_path, sizeof w->log_path, "%s/%.20s", path, entry->d_name);
    closedir(dir);
}

void segment_start(struct segment_writer *w, uint64_t random_seed)
{
    *w = (struct segment_writer){.random = random_seed};
    bool in_memory = access("/dev/shm", W_OK) == 0;
    snprintf(w->dir, sizeof w->dir, "%s/penstock-segment-XXXXXX", in_memory ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    w->dir_fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(w->dir_fd >= 0);
    char path[300];
    snprintf(path, sizeof path, "%s/%s", w->dir, SEGMENT_NAME);
    struct errmsg msg = {""};
    if (spool_store_create(path, 256u << 20, &w->store, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
    find_log(w);
    write_header(w);
}

static void remember(struct segment_writer *w, uint32_t batch_first)
{
    for (size_t i = 0; i < w->group.chunk_count; i++) {
        const struct spool_chunk *chunk = w->group.chunks[i];
        for (size_t at = 0; at < chunk->size;) {
            size_t size = spool_frame_peek_size(chunk->data + at, chunk->size - at);
            if (w->event_count == w->event_capacity) {
                w->event_capacity = w->event_capacity == 0 ? 1024 : w->event_capacity * 2;
                w->events = realloc(w->events, w->event_capacity * sizeof *w->events);
                assert_non_null(w->events);
            }
            uint8_t *copy = malloc(size);
            assert_non_null(copy);
            memcpy(copy, chunk->data + at, size);
            w->events[w->event_count++] = (struct segment_event){copy, (uint32_t)size, batch_first};
            at += size;
        }
    }
}

static size_t put_seal(uint8_t *frame, uint32_t batch_first, uint32_t event_count)
{
    struct buf body = {0};
    struct spool_seal_topic topic = {bytes_of_string("orders"), event_count, 0};
    assert_true(spool_seal_put(&body, event_count, &topic, 1));
    size_t size =
        (size_t)(spool_frame_put_other(frame, SPOOL_FRAME_SEAL, BASE_TIME_MS, buf_bytes(&body)) -
                 frame);
    spool_frame_stamp(frame, spool_id_of(SEGMENT_ID, event_count), batch_first, SEGMENT_SEED);
    buf_free(&body);
    return size;
}

static size_t put_link(uint8_t *frame)
{
    struct buf body = {0};
    struct spool_link links[] = {{SEGMENT_ID - 9, 100}, {SEGMENT_ID - 5, SPOOL_COUNT_UNKNOWN}};
    assert_true(spool_links_put(&body, links, 2));
    size_t size =
        (size_t)(spool_frame_put_other(frame, SPOOL_FRAME_LINK, BASE_TIME_MS, buf_bytes(&body)) -
                 frame);
    spool_frame_stamp(frame, spool_id_of(SEGMENT_ID, 0), 0, SEGMENT_SEED);
    buf_free(&body);
    return size;
}

void segment_write(struct segment_writer *w, uint32_t event_count, struct segment_shape shape)
{
    struct buf frames = {0};
    uint8_t link[256], seal[256];
    uint32_t first = w->event_count;
    for (uint32_t i = 0; i < event_count; i++)
        append_event(w, &frames, shape);
    if (event_count > 0)
        assert_int_equal(spool_group_add(&w->group, &frames, event_count), ERR_OK);
    buf_free(&frames);
    spool_group_stamp(&w->group, SEGMENT_ID, first, SEGMENT_SEED);
    remember(w, first);
    struct bytes head = w->linked ? BYTES_NULL : bytes_of(link, put_link(link));
    struct bytes tail =
        !shape.seal ? BYTES_NULL : bytes_of(seal, put_seal(seal, first, w->event_count));
    assert_int_equal(spool_group_entries(&w->group, head, tail), ERR_OK);
    struct errmsg msg = {""};
    if (spool_store_write(w->store, w->group.entries, w->group.entry_count, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
    spool_group_clear(&w->group);
    w->linked = true;
}

void segment_write_seal(struct segment_writer *w)
{
    segment_write(w, 0, (struct segment_shape){.seal = true});
}

void segment_write_many(struct segment_writer *w, uint32_t batches, uint32_t events_per_batch,
                        bool hostile, bool seal)
{
    for (uint32_t i = 0; i < batches; i++) {
        uint32_t value_bytes = below(w, 40) == 0 ? 5000 : below(w, 4) == 0 ? 900 : 200;
        if (below(w, batches) < 3)
            value_bytes = 60000 / events_per_batch + 300;
        segment_write(w, events_per_batch,
                      (struct segment_shape){.value_bytes = value_bytes,
                                             .hostile = hostile,
                                             .seal = seal && i == batches - 1});
    }
}

void segment_end(struct segment_writer *w)
{
    spool_store_close(w->store);
    w->store = NULL;
}

void segment_remove(struct segment_writer *w)
{
    segment_end(w);
    spool_group_done(&w->group);
    for (uint32_t i = 0; i < w->event_count; i++)
        free(w->events[i].frame);
    free(w->events);
    spool_dir_remove_tree(AT_FDCWD, w->dir);
    rmdir(w->dir);
    close(w->dir_fd);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct spool_reader_options segment_options(const struct segment_writer *w)
{
    return (struct spool_reader_options){.parent_fd = w->dir_fd,
                                         .name = SEGMENT_NAME,
                                         .segment_id = SEGMENT_ID,
                                         .seed = SEGMENT_SEED,
                                         .count_limit = SPOOL_COUNT_UNKNOWN};
}

uint8_t *segment_read_file(const char *path, size_t *ret_size)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, size), (ssize_t)size);
    close(fd);
    *ret_size = size;
    return data;
}

void segment_write_file(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
}

uint64_t segment_log_bytes(const struct segment_writer *w)
{
    struct stat status;
    assert_int_equal(stat(w->log_path, &status), 0);
    return (uint64_t)status.st_size;
}
