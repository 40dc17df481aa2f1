/* SPDX-License-Identifier: MIT
 * test_spool_log.c - LevelDB's log format, from bytes put together by hand: what is intact, what is
 * damaged, and where the walk goes on. */
#include "base/clock.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "spool/read/leveldb_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

enum { FULL = 1, FIRST = 2, MIDDLE = 3, LAST = 4 };

static struct {
    int fd;
    uint64_t size;
    struct spool_leveldb_log log;
} t;

static int set_up(void **state)
{
    (void)state;
    t.fd = memfd_create("log", MFD_CLOEXEC);
    t.size = 0;
    return t.fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    spool_leveldb_log_done(&t.log);
    return close(t.fd);
}

static void put(const void *data, size_t size)
{
    assert_int_equal(pwrite(t.fd, data, size, (off_t)t.size), (ssize_t)size);
    t.size += size;
}

static void put_fragment(int type, size_t payload_size, char byte)
{
    uint8_t *p = malloc(7 + payload_size);
    assert_non_null(p);
    memset(p + 7, byte, payload_size);
    codec_put_u16(p + 4, (uint16_t)payload_size);
    p[6] = (uint8_t)type;
    uint32_t crc = crc32c(p + 6, payload_size + 1);
    codec_put_u32(p, ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    put(p, 7 + payload_size);
    free(p);
}

static void flip(uint64_t at)
{
    uint8_t byte;
    assert_int_equal(pread(t.fd, &byte, 1, (off_t)at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(t.fd, &byte, 1, (off_t)at), 1);
}

static void open_log(void)
{
    assert_int_equal(spool_leveldb_log_init(&t.log, t.fd, 0), ERR_OK);
}

/* The next piece: size bytes, the first being byte, and whether it is intact. */
static struct spool_leveldb_log_piece expect_piece(size_t size, int byte, bool intact)
{
    struct spool_leveldb_log_piece piece;
    assert_int_equal(spool_leveldb_log_next(&t.log, UINT64_MAX, &piece), ERR_OK);
    assert_int_equal(piece.bytes.size, size);
    if (size > 0)
        assert_int_equal(piece.bytes.data[0], byte);
    assert_int_equal(piece.intact, intact);
    return piece;
}

static void expect_end(void)
{
    struct spool_leveldb_log_piece piece;
    assert_int_equal(spool_leveldb_log_next(&t.log, UINT64_MAX, &piece), ERR_END);
}

static void test_a_record_across_blocks_comes_in_its_fragments(void **state)
{
    (void)state;
    put_fragment(FULL, 100, 'a');
    put_fragment(FIRST, 32768 - 107 - 7, 'b');
    put_fragment(MIDDLE, 32768 - 7, 'b');
    put_fragment(LAST, 5, 'b');
    open_log();
    assert_true(expect_piece(100, 'a', true).breaks);
    assert_true(expect_piece(32654, 'b', true).breaks);
    assert_false(expect_piece(32761, 'b', true).breaks);
    assert_false(expect_piece(5, 'b', true).starts_record);
    expect_end();
    expect_end();
}

static void test_filler_and_an_empty_first_fragment_at_the_end_of_a_block_are_no_damage(
    void **state)
{
    (void)state;
    for (size_t left = 0; left <= 7; left++) {
        t.size = 0;
        put_fragment(FULL, 32768 - 7 - left, 'a');
        if (left == 7)
            put_fragment(FIRST, 0, 0);
        else
            put("\0\0\0\0\0\0", left);
        put_fragment(left == 7 ? LAST : FULL, 10, 'b');
        open_log();
        expect_piece(32761 - left, 'a', true);
        if (left == 7)
            expect_piece(0, 0, true);
        expect_piece(10, 'b', true);
        expect_end();
        spool_leveldb_log_done(&t.log);
    }
}

static void test_a_damaged_fragment_is_handed_out_without_its_header(void **state)
{
    (void)state;
    for (uint64_t part = 0; part < 8; part++) {
        t.size = 0;
        put_fragment(FULL, 50, 'a');
        put_fragment(FULL, 60, 'b');
        put_fragment(FULL, 70, 'c');
        flip(57 + (part == 5 ? 4 : part) + (part == 7 ? 20 : 0));
        open_log();
        expect_piece(50, 'a', true);
        expect_piece(60, 'b', false);
        struct spool_leveldb_log_piece piece;
        assert_int_equal(spool_leveldb_log_next(&t.log, UINT64_MAX, &piece), ERR_OK);
        assert_true(piece.intact && piece.starts_record && piece.file_bytes == 77);
        expect_end();
        spool_leveldb_log_done(&t.log);
    }
}

static void test_behind_a_damaged_length_the_next_block_is_where_headers_are_again(void **state)
{
    (void)state;
    put_fragment(FIRST, 32761, 'a');
    put_fragment(LAST, 1000, 'b');
    flip(4);         /* the length */
    flip(32768 + 0); /* the checksum of the next */
    open_log();
    expect_piece(32761, 'a', false);
    expect_piece(1000, 'b', false);
    expect_end();
}

static void test_behind_a_short_write_everything_shifted_is_found_and_blocks_are_known_again(
    void **state)
{
    (void)state;
    put_fragment(FIRST, 32761, 'a');
    t.size -= 500; /* cut short */
    put_fragment(FULL, 100, 'b');
    put_fragment(FIRST, 32661 - 7, 'c');
    put_fragment(LAST, 300, 'c');
    put_fragment(FULL, 32768 - 307 - 7 - 3, 'd');
    put("\0\0\0", 3);
    put_fragment(FULL, 40, 'e');
    open_log();
    expect_piece(32761 - 500, 'a', false);
    struct spool_leveldb_log_piece piece;
    assert_int_equal(spool_leveldb_log_next(&t.log, UINT64_MAX, &piece), ERR_OK);
    /* a client could have put it there */
    assert_true(piece.intact && piece.bytes.size == 107 && !piece.breaks);
    assert_int_equal(spool_leveldb_log_next(&t.log, UINT64_MAX, &piece), ERR_OK);
    assert_true(piece.intact && piece.starts_record);
    expect_piece(300, 'c', true); /* goes on with it: this is where a block begins */
    assert_true(expect_piece(32451, 'd', true).breaks);
    assert_true(expect_piece(40, 'e', true).breaks);
    expect_end();
}

static void test_a_bound_stops_the_walk_and_a_larger_one_takes_it_on(void **state)
{
    (void)state;
    put_fragment(FULL, 10, 'a');
    uint64_t bound = t.size;
    put_fragment(FULL, 20, 'b');
    open_log();
    struct spool_leveldb_log_piece piece;
    assert_int_equal(spool_leveldb_log_next(&t.log, bound, &piece), ERR_OK);
    assert_int_equal(spool_leveldb_log_next(&t.log, bound, &piece), ERR_END);
    expect_piece(20, 'b', true);
    expect_end();
    put_fragment(FULL, 30, 'c'); /* the file grows */
    expect_piece(30, 'c', true);
    expect_end();
}

/* Every third offset looks like a header of a 32 KiB fragment. */
static void test_bytes_made_to_cost_time_cost_little(void **state)
{
    (void)state;
    size_t size = 16u << 20;
    uint8_t *p = malloc(size);
    assert_non_null(p);
    for (size_t i = 0; i + 3 <= size; i += 3)
        memcpy(p + i, "\xf0\x7f\x01", 3);
    put(p, size);
    free(p);
    open_log();
    int64_t started_ms = clock_monotonic_ms();
    struct spool_leveldb_log_piece piece;
    uint64_t sum = 0;
    while (spool_leveldb_log_next(&t.log, UINT64_MAX, &piece) == ERR_OK)
        sum += piece.file_bytes;
    int64_t took_ms = clock_monotonic_ms() - started_ms;
    assert_int_equal(sum, size);
    if (took_ms > 60000) /* unbounded it takes hours */
        fail_msg("16 MiB took %ld ms", (long)took_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_record_across_blocks_comes_in_its_fragments, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_filler_and_an_empty_first_fragment_at_the_end_of_a_block_are_no_damage, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_fragment_is_handed_out_without_its_header,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_behind_a_damaged_length_the_next_block_is_where_headers_are_again, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_behind_a_short_write_everything_shifted_is_found_and_blocks_are_known_again,
            set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_bound_stops_the_walk_and_a_larger_one_takes_it_on,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_made_to_cost_time_cost_little, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
