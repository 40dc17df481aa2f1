/* SPDX-License-Identifier: MIT
 * test_spool_reader.c - the reader on undamaged segments: whole, live, in part, both ends; and on
 * odd directories. */
#include "tests/support/damage_check.h"

#include "base/clock.h"
#include "spool/read/segment_ends.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct spool_reader *open_reader(const struct spool_reader_options *options)
{
    struct spool_reader *reader = NULL;
    struct errmsg msg = {""};
    if (spool_reader_open(options, &reader, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
    return reader;
}

static struct damage_seen new_seen(uint32_t events_max)
{
    struct damage_seen seen = {.events = calloc(events_max + 1, 1), .ordered = true};
    assert_non_null(seen.events);
    return seen;
}

static void path_in_segment(const struct segment_writer *w, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s/%s", w->dir, SEGMENT_NAME, name);
}

/* ---- whole segments -------------------------------------------------------------------------- */

static void check_whole(uint32_t batches, uint32_t events_per_batch, bool hostile, bool seal)
{
    struct segment_writer w;
    segment_start(&w, 5);
    segment_write_many(&w, batches, events_per_batch, hostile, seal);
    segment_end(&w);
    struct spool_reader_options options = segment_options(&w);
    struct spool_reader *reader = open_reader(&options);
    struct damage_seen seen = new_seen(w.event_count);
    damage_read(reader, &w, SPOOL_READ_TO_END, &seen);
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_int_equal(seen.count, w.event_count);
    assert_true(seen.ordered);
    assert_int_equal(seen.salvaged, 0);
    assert_true(findings->header_found && findings->any_batch && !findings->damaged &&
                !findings->empty);
    assert_int_equal(findings->header.segment_id, SEGMENT_ID);
    assert_int_equal(findings->sealed, seal);
    if (seal)
        assert_int_equal(findings->sealed_count, w.event_count);
    assert_int_equal(findings->damaged_bytes, 0);
    assert_int_equal(findings->highest_index, w.event_count - 1);
    assert_int_equal(findings->acknowledged_below, w.event_count - events_per_batch);
    assert_int_equal(findings->last_time_ms - findings->first_time_ms,
                     w.event_count - events_per_batch); /* one a batch */
    spool_reader_close(reader);
    free(seen.events);
    segment_remove(&w);
}

static void test_undamaged_segments_are_read_whole_in_order(void **state)
{
    (void)state;
    check_whole(4000, 1, false, false);
    check_whole(400, 10, false, true);
    check_whole(40, 100, true, true);
    check_whole(2, 3000, true, false);
}

static void test_events_larger_than_chunks_and_blocks_come_whole(void **state)
{
    (void)state;
    struct segment_writer w;
    segment_start(&w, 6);
    segment_write(&w, 1, (struct segment_shape){.value_bytes = 100});
    segment_write(&w, 1, (struct segment_shape){.value_bytes = 3000000, .hostile = true});
    segment_write(&w, 5, (struct segment_shape){.value_bytes = 200000});
    segment_write(&w, 1, (struct segment_shape){.value_bytes = 0});
    segment_write_seal(&w);
    segment_end(&w);
    struct spool_reader_options options = segment_options(&w);
    struct spool_reader *reader = open_reader(&options);
    struct damage_seen seen = new_seen(w.event_count);
    damage_read(reader, &w, SPOOL_READ_TO_END, &seen);
    assert_true(seen.count == 8 && seen.ordered && !spool_reader_findings(reader)->damaged);
    spool_reader_close(reader);
    free(seen.events);
    segment_remove(&w);
}

/* A flipped length in the first frame makes the reader keep the whole record until it ends: more
 * chunks than any fixed number. */
static void test_a_damaged_length_at_the_start_of_a_huge_record_costs_one_event(void **state)
{
    (void)state;
    struct segment_writer w;
    struct segment_map map;
    segment_start(&w, 7);
    segment_write(&w, 60000, (struct segment_shape){.value_bytes = 500});
    segment_write(&w, 10, (struct segment_shape){.value_bytes = 500});
    segment_end(&w);
    segment_map_make(&map, &w);
    assert_true(map.size > (20u << 20));
    struct damage d;
    damage_start(&d, &w, &map, "a length made 64 MiB");
    damage_flip(&d, segment_map_offset(&map, 0) + 7, 0x03);
    damage_check(&d);
    segment_map_free(&map);
    segment_remove(&w);
}

static void test_first_index_and_count_limit_bound_what_is_returned(void **state)
{
    (void)state;
    struct segment_writer w;
    segment_start(&w, 8);
    segment_write_many(&w, 100, 10, false, false);
    segment_end(&w);
    struct spool_reader_options options = segment_options(&w);
    options.first_index = 123;
    options.count_limit = 990;
    struct spool_reader *reader = open_reader(&options);
    struct damage_seen seen = new_seen(w.event_count);
    damage_read(reader, &w, SPOOL_READ_TO_END, &seen);
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_int_equal(seen.count, 990 - 123);
    assert_true(seen.events[123] && !seen.events[122] && seen.events[989] && !seen.events[990]);
    assert_int_equal(findings->event_count, 990);
    assert_true(findings->lost.total == 0 && !findings->damaged && !findings->sealed);
    spool_reader_close(reader);
    free(seen.events);
    segment_remove(&w);
}

static void test_a_header_and_nothing_else_is_empty_and_no_damage(void **state)
{
    (void)state;
    struct segment_writer w;
    segment_start(&w, 9);
    segment_end(&w);
    struct spool_reader_options options = segment_options(&w);
    struct spool_reader *reader = open_reader(&options);
    struct spool_chunk *chunk;
    assert_int_equal(spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL), ERR_END);
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_true(findings->empty && findings->header_found && !findings->damaged &&
                findings->event_count == 0);
    spool_reader_close(reader);
    segment_remove(&w);
}

/* The identity is gone: the segment's own header tells the seed. A header that a client sent tells
 * nothing. */
static void test_the_seed_comes_from_the_segments_own_header_only(void **state)
{
    (void)state;
    struct segment_writer w;
    segment_start(&w, 10);
    segment_write_many(&w, 20, 10, false, true);
    segment_end(&w);
    struct spool_reader_options options = segment_options(&w);
    options.seed = 1;
    struct spool_reader *reader = open_reader(&options);
    struct damage_seen seen = new_seen(w.event_count);
    damage_read(reader, &w, SPOOL_READ_TO_END, &seen);
    assert_int_equal(seen.count, w.event_count);
    spool_reader_close(reader);

    /* The header damaged, and a forged one with another seed somewhere behind it. */
    size_t size;
    uint8_t *log = segment_read_file(w.log_path, &size);
    struct segment_map map;
    segment_map_make(&map, &w);
    size_t event_at = segment_map_offset(&map, 0);
    memset(log + 40, 0xee, 8);
    struct buf body = {0};
    struct spool_segment_header header = {.version = 1, .seed = 4711};
    assert_true(spool_header_put(&body, &header));
    uint8_t forged[256];
    size_t forged_size =
        (size_t)(spool_frame_put_other(forged, SPOOL_FRAME_HEADER, 0, buf_bytes(&body)) - forged);
    spool_frame_stamp(forged, spool_id_of(SEGMENT_ID, 0), 0, 4711);
    assert_true(w.events[0].size > forged_size + 60);
    memcpy(log + event_at + 60, forged, forged_size);
    segment_write_file(w.log_path, log, size);
    options.seed = SEGMENT_SEED;
    reader = open_reader(&options);
    memset(seen.events, 0, w.event_count);
    seen.count = 0;
    damage_read(reader, &w, SPOOL_READ_TO_END, &seen);
    assert_int_equal(seen.count, w.event_count - 1);
    assert_false(spool_reader_findings(reader)->header_found);
    spool_reader_close(reader);
    buf_free(&body);
    free(log);
    free(seen.events);
    segment_map_free(&map);
    segment_remove(&w);
}

/* ---- live segments --------------------------------------------------------------------------- */

static void test_a_live_log_is_read_up_to_its_bound_and_on_from_there(void **state)
{
    (void)state;
    struct segment_writer w;
    segment_start(&w, 11);
    struct spool_reader_options options = segment_options(&w);
    struct spool_reader *reader = open_reader(&options);
    struct damage_seen seen = new_seen(100000);
    for (uint32_t i = 0; i < 300; i++) {
        uint64_t bound = segment_log_bytes(&w);
        uint32_t committed = w.event_count;
        segment_write_many(&w, 1, 1 + i % 37, true, false); /* on disk, but not committed yet */
        damage_read(reader, &w, bound, &seen);
        assert_int_equal(seen.count, committed);
    }
    segment_write_seal(&w);
    segment_end(&w);
    damage_read(reader, &w, SPOOL_READ_TO_END, &seen);
    assert_true(seen.count == w.event_count && seen.ordered && seen.salvaged == 0);
    assert_true(spool_reader_findings(reader)->sealed && !spool_reader_findings(reader)->damaged);
    spool_reader_close(reader);
    free(seen.events);
    segment_remove(&w);
}

static void test_damage_in_a_live_log_holds_nothing_behind_it_back(void **state)
{
    (void)state;
    struct segment_writer w;
    segment_start(&w, 12);
    segment_write_many(&w, 5, 10, false, false);
    struct spool_reader_options options = segment_options(&w);
    struct spool_reader *reader = open_reader(&options);
    struct damage_seen seen = new_seen(1000);
    damage_read(reader, &w, segment_log_bytes(&w), &seen);
    assert_int_equal(seen.count, 50);
    segment_write_many(&w, 1, 10, false, false);
    /* The length in the first frame of the last batch grows to 64 MiB, and its fragment's header
     * breaks. */
    struct segment_map map;
    segment_map_make(&map, &w);
    int fd = open(w.log_path, O_WRONLY);
    uint8_t high = map.data[segment_map_offset(&map, 50) + 7] ^ 0x03;
    assert_int_equal(pwrite(fd, &high, 1, (off_t)segment_map_offset(&map, 50) + 7), 1);
    close(fd);
    damage_read(reader, &w, segment_log_bytes(&w), &seen);
    assert_int_equal(seen.count, 59);
    segment_write_many(&w, 1, 10, false, false);
    damage_read(reader, &w, segment_log_bytes(&w), &seen);
    assert_int_equal(seen.count, 69);
    segment_end(&w);
    damage_read(reader, &w, SPOOL_READ_TO_END, &seen);
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_true(seen.count == 69 && findings->damaged && findings->lost.total == 1 &&
                findings->lost.items[0].first == 50);
    spool_reader_close(reader);
    free(seen.events);
    segment_map_free(&map);
    segment_remove(&w);
}

struct shared {
    struct segment_writer writer;
    atomic_uint_fast64_t log_bytes;
    atomic_uint_fast32_t events;
    atomic_bool done;
};

static void *append_in_thread(void *arg)
{
    struct shared *shared = arg;
    for (uint32_t i = 0; i < 400; i++) {
        segment_write(&shared->writer, 1 + i % 50,
                      (struct segment_shape){.value_bytes = 100 + i % 7 * 400});
        atomic_store(&shared->events, shared->writer.event_count);
        atomic_store(&shared->log_bytes, segment_log_bytes(&shared->writer));
    }
    atomic_store(&shared->done, true);
    return NULL;
}

static void test_reading_while_leveldb_appends_loses_and_repeats_nothing(void **state)
{
    (void)state;
    static struct shared shared;
    segment_start(&shared.writer, 13);
    /* must not move under the reader */
    shared.writer.events = malloc(20000 * sizeof *shared.writer.events);
    shared.writer.event_capacity = 20000;
    assert_non_null(shared.writer.events);
    struct spool_reader_options options = segment_options(&shared.writer);
    struct spool_reader *reader = open_reader(&options);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, append_in_thread, &shared), 0);
    struct spool_chunk *chunk;
    uint64_t next_id = spool_id_of(SEGMENT_ID, 0), seen = 0;
    for (bool last = false; !last;) {
        last = atomic_load(&shared.done);
        while (spool_reader_next(reader, atomic_load(&shared.log_bytes), &chunk, NULL) == ERR_OK) {
            struct spool_event event;
            for (size_t pos = 0; spool_chunk_next(chunk, &pos, &event); seen++)
                assert_int_equal(event.id, next_id++);
            assert_false(chunk->salvaged);
            spool_chunk_unref(chunk);
        }
    }
    pthread_join(thread, NULL);
    assert_int_equal(seen, shared.writer.event_count);
    spool_reader_close(reader);
    segment_remove(&shared.writer);
}

/* ---- both ends ------------------------------------------------------------------------------- */

static void test_both_ends_of_segments_of_any_size(void **state)
{
    (void)state;
    for (uint32_t batches = 0; batches < 700; batches = batches * 3 + 1)
        for (int seal = 0; seal < 2; seal++) {
            struct segment_writer w;
            segment_start(&w, 14 + batches);
            segment_write_many(&w, batches, 10, true, false);
            if (seal)
                segment_write_seal(&w);
            segment_end(&w);
            struct spool_reader_options options = segment_options(&w);
            struct spool_segment_ends ends;
            assert_int_equal(spool_segment_ends_read(&options, &ends, NULL), ERR_OK);
            assert_true(ends.header_found && ends.header.segment_id == SEGMENT_ID &&
                        ends.header.seed == SEGMENT_SEED);
            assert_int_equal(ends.link_count, batches > 0 || seal ? 2 : 0);
            if (batches > 0)
                assert_true(ends.links[0].event_count == 100 &&
                            ends.links[1].event_count == SPOOL_COUNT_UNKNOWN);
            assert_int_equal(ends.sealed, seal);
            assert_int_equal(ends.log_bytes, segment_log_bytes(&w));
            struct spool_frame frame;
            struct spool_seal read_seal;
            if (seal) {
                assert_true(spool_frame_get(ends.seal_frame.data, ends.seal_frame.size,
                                            SEGMENT_SEED, &frame));
                assert_true(spool_seal_get(&frame, &read_seal) &&
                            read_seal.event_count == w.event_count);
            }
            spool_segment_ends_free(&ends);
            segment_remove(&w);
        }
}

static void write_frame(struct segment_writer *w, enum spool_frame_kind kind,
                        const struct buf *body)
{
    uint8_t *frame = malloc(SPOOL_FRAME_SIZE_MIN + body->size);
    assert_non_null(frame);
    size_t size = (size_t)(spool_frame_put_other(frame, kind, 0, buf_bytes(body)) - frame);
    spool_frame_stamp(frame, spool_id_of(SEGMENT_ID, w->event_count), w->event_count, SEGMENT_SEED);
    struct spool_store_entry entry = {.key = "x", .value = bytes_of(frame, size)};
    assert_int_equal(spool_store_write(w->store, &entry, 1, NULL), ERR_OK);
    free(frame);
}

static void test_a_seal_larger_than_the_tail_and_more_links_than_fit_are_found(void **state)
{
    (void)state;
    struct segment_writer w;
    segment_start(&w, 15);
    struct spool_link links[100];
    for (uint32_t i = 0; i < 100; i++)
        links[i] = (struct spool_link){1000 + i, i};
    struct buf body = {0};
    assert_true(spool_links_put(&body, links, 100));
    write_frame(&w, SPOOL_FRAME_LINK, &body);
    w.linked = true;
    segment_write_many(&w, 50, 10, false, false);
    static char names[1000][250];
    struct spool_seal_topic topics[1000];
    for (uint32_t i = 0; i < 1000; i++) {
        memset(names[i], 'a', 249);
        topics[i] = (struct spool_seal_topic){bytes_of(names[i], 249), i, i};
    }
    buf_clear(&body);
    assert_true(spool_seal_put(&body, w.event_count, topics, 1000));
    write_frame(&w, SPOOL_FRAME_SEAL, &body);
    segment_end(&w);
    struct spool_reader_options options = segment_options(&w);
    struct spool_segment_ends ends;
    assert_int_equal(spool_segment_ends_read(&options, &ends, NULL), ERR_OK);
    assert_true(ends.sealed && ends.seal_frame.size > 250000);
    assert_int_equal(ends.link_count, 64);
    assert_true(ends.links[0].segment_id == 1036 && ends.links[63].segment_id == 1099);
    spool_segment_ends_free(&ends);
    buf_free(&body);
    segment_remove(&w);
}

/* ---- odd directories ------------------------------------------------------------------------- */

static void check_nothing_found(const struct segment_writer *w)
{
    struct spool_reader_options options = segment_options(w);
    struct spool_segment_ends ends;
    assert_int_equal(spool_segment_ends_read(&options, &ends, NULL), ERR_OK);
    assert_true(!ends.header_found && !ends.sealed && ends.link_count == 0);
    spool_segment_ends_free(&ends);
    struct spool_reader *reader = open_reader(&options);
    struct spool_chunk *chunk;
    assert_int_equal(spool_reader_next(reader, 4096, &chunk, NULL), ERR_END);
    assert_int_equal(spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL), ERR_END);
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_true(findings->damaged && !findings->empty && !findings->header_found &&
                findings->event_count == 0);
    spool_reader_close(reader);

    options.count_limit = 20; /* a link knows that there were some */
    reader = open_reader(&options);
    assert_int_equal(spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL), ERR_END);
    assert_int_equal(spool_reader_findings(reader)->lost.total, 20);
    spool_reader_close(reader);
}

static void test_missing_and_misplaced_files_are_findings(void **state)
{
    (void)state;
    struct segment_writer w;
    char path[600], dir[512];
    segment_start(&w, 16);
    segment_write_many(&w, 3, 10, false, true);
    segment_end(&w);
    path_in_segment(&w, "", dir);
    unlink(w.log_path);
    check_nothing_found(&w); /* LevelDB's other files remain */
    assert_int_equal(mkdir(w.log_path, 0700), 0);
    check_nothing_found(&w); /* the log is a directory */
    rmdir(w.log_path);
    assert_int_equal(symlink("/etc/passwd", w.log_path), 0);
    check_nothing_found(&w); /* links are not followed */
    unlink(w.log_path);
    assert_int_equal(mkfifo(w.log_path, 0600), 0);
    check_nothing_found(&w); /* and nothing blocks */
    unlink(w.log_path);
    segment_write_file(w.log_path, "", 0);
    check_nothing_found(&w); /* empty */
    segment_write_file(w.log_path, "garbage", 7);
    check_nothing_found(&w);
    snprintf(path, sizeof path, "rm -r '%s'", dir);
    assert_int_equal(system(path), 0);
    check_nothing_found(&w); /* no directory */
    dir[strlen(dir) - 1] = '\0';
    segment_write_file(dir, "a file", 6);
    check_nothing_found(&w); /* a file in its place */
    segment_remove(&w);
}

static void check_all_found_but_damaged(const struct segment_writer *w)
{
    struct spool_reader_options options = segment_options(w);
    struct spool_reader *reader = open_reader(&options);
    struct damage_seen seen = new_seen(w->event_count);
    damage_read(reader, w, SPOOL_READ_TO_END, &seen);
    assert_int_equal(seen.count, w->event_count);
    assert_true(spool_reader_findings(reader)->damaged);
    spool_reader_close(reader);
    free(seen.events);
}

static void test_a_log_in_another_place_or_in_pieces_is_read(void **state)
{
    (void)state;
    struct segment_writer w;
    char path[512], other[512];
    segment_start(&w, 17);
    segment_write_many(&w, 100, 30, false, true);
    segment_end(&w);
    size_t size;
    uint8_t *log = segment_read_file(w.log_path, &size);

    path_in_segment(&w, "lost", path);
    assert_int_equal(mkdir(path, 0700), 0);
    path_in_segment(&w, "lost/000003.log", other);
    assert_int_equal(rename(w.log_path, other), 0);
    check_all_found_but_damaged(&w); /* as leveldb_repair_db leaves it: frames across blocks, too */
    unlink(other);

    /* Numbers beyond six digits come after the others, and what is in a log besides is nobody's. */
    path_in_segment(&w, "1000000.log", other);
    segment_write_file(other, log, size);
    segment_write_file(w.log_path, "stale", 5);
    check_all_found_but_damaged(&w);
    free(log);
    segment_remove(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undamaged_segments_are_read_whole_in_order),
        cmocka_unit_test(test_events_larger_than_chunks_and_blocks_come_whole),
        cmocka_unit_test(test_a_damaged_length_at_the_start_of_a_huge_record_costs_one_event),
        cmocka_unit_test(test_first_index_and_count_limit_bound_what_is_returned),
        cmocka_unit_test(test_a_header_and_nothing_else_is_empty_and_no_damage),
        cmocka_unit_test(test_the_seed_comes_from_the_segments_own_header_only),
        cmocka_unit_test(test_a_live_log_is_read_up_to_its_bound_and_on_from_there),
        cmocka_unit_test(test_damage_in_a_live_log_holds_nothing_behind_it_back),
        cmocka_unit_test(test_reading_while_leveldb_appends_loses_and_repeats_nothing),
        cmocka_unit_test(test_both_ends_of_segments_of_any_size),
        cmocka_unit_test(test_a_seal_larger_than_the_tail_and_more_links_than_fit_are_found),
        cmocka_unit_test(test_missing_and_misplaced_files_are_findings),
        cmocka_unit_test(test_a_log_in_another_place_or_in_pieces_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
