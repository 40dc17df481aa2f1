/* SPDX-License-Identifier: MIT
 * test_bridge_cursor_meta.c - what is written beside the offset comes back whole, and nothing else
 * is believed. */
#include "bridge/rules/cursor_text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static bool decode(const char *text, uint64_t offset_id, struct bridge_cursor_text *ret)
{
    return bridge_cursor_text_decode(bytes_of_string(text), offset_id, ret);
}

static void test_the_text_is_as_documented(void **state)
{
    (void)state;
    struct bridge_cursor_text meta = {.cluster = "PAbc-1_2", .nonce = 0xfeed, .lane_count = 2};
    meta.lanes[0] = (struct bridge_cursor_lane){0xabc, 900};
    meta.lanes[1] = (struct bridge_cursor_lane){1, 0};
    char text[BRIDGE_CURSOR_TEXT_SIZE_MAX + 1];
    bridge_cursor_text_encode(&meta, 1000, text);
    assert_string_equal(text, "p1;PAbc-1_2;feed;abc=64,1=3e8");
    struct bridge_cursor_text back;
    assert_true(decode(text, 1000, &back));
    assert_string_equal(back.cluster, "PAbc-1_2");
    assert_int_equal(back.nonce, 0xfeed);
    assert_int_equal(back.lane_count, 2);
    assert_int_equal(bridge_cursor_text_lane(&back, 0xabc, 1000), 900);
    assert_int_equal(bridge_cursor_text_lane(&back, 1, 1000), 0);
    assert_int_equal(bridge_cursor_text_lane(&back, 2, 1000), 1000);
}

static void test_the_hash_never_changes(void **state)
{
    (void)state;
    assert_true(bridge_cursor_text_hash(bytes_of_string("orders")) == 0x125d9250be8b4cu);
    assert_true(bridge_cursor_text_hash(bytes_of_string("")) == 0xcbf29ce484222325u);
}

static void test_the_most_lanes_with_the_largest_numbers_fit(void **state)
{
    (void)state;
    struct bridge_cursor_text meta = {.nonce = UINT64_MAX,
                                      .lane_count = BRIDGE_CURSOR_TEXT_LANES_MAX},
                              back;
    memset(meta.cluster, 'x', BRIDGE_CURSOR_TEXT_CLUSTER_SIZE - 1);
    for (size_t i = 0; i < meta.lane_count; i++)
        meta.lanes[i] = (struct bridge_cursor_lane){UINT64_MAX - i, i};
    char text[BRIDGE_CURSOR_TEXT_SIZE_MAX + 1];
    bridge_cursor_text_encode(&meta, UINT64_MAX, text);
    assert_true(decode(text, UINT64_MAX, &back));
    assert_memory_equal(&back, &meta, sizeof meta);
    assert_true(strlen(text) <= BRIDGE_CURSOR_TEXT_SIZE_MAX);
    assert_false(decode(text, 1000, &back)); /* beside another offset: too far behind */
    assert_true(strlen(text) + sizeof ",1=1" < sizeof text);
    strcat(text, ",1=1");
    assert_false(decode(text, UINT64_MAX, &back)); /* one too many */
}

static void test_random_metas_come_back(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 2000; round++) {
        struct bridge_cursor_text meta = {.cluster = "c"}, back;
        uint64_t numbers[4];
        for (int i = 0; i < 4; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            numbers[i] = random >> (random & 63);
        }
        uint64_t offset_id = numbers[0] | 1;
        meta.nonce = numbers[1];
        meta.lane_count = numbers[2] % (BRIDGE_CURSOR_TEXT_LANES_MAX + 1);
        for (size_t i = 0; i < meta.lane_count; i++)
            meta.lanes[i] =
                (struct bridge_cursor_lane){numbers[3] + i, (numbers[3] ^ i) % offset_id};
        char text[BRIDGE_CURSOR_TEXT_SIZE_MAX + 1];
        bridge_cursor_text_encode(&meta, offset_id, text);
        assert_true(decode(text, offset_id, &back));
        assert_memory_equal(&back, &meta, sizeof meta);
    }
}

static void test_a_strange_cluster_id_counts_as_not_known(void **state)
{
    (void)state;
    static const char *const strange[] = {"a;b", "a b", "a\nb", "\x80"};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        struct bridge_cursor_text meta = {.nonce = 1}, back;
        strcpy(meta.cluster, strange[i]);
        char text[BRIDGE_CURSOR_TEXT_SIZE_MAX + 1];
        bridge_cursor_text_encode(&meta, 1, text);
        assert_string_equal(text, "p1;;1;");
        assert_true(decode(text, 1, &back));
    }
}

static void test_what_is_not_ours_is_not_believed(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "p",
        "p1",
        "p1;",
        "p1;c",
        "p1;c;",
        "p1;c;1",
        "p2;c;1;",
        "p1;c;;",
        "p1;c;1;;",
        "p1;c;1;,",
        "p1;c;1;1",
        "p1;c;1;1=",
        "p1;c;1;1=1,",
        "p1;c;1;1=0",
        "p1;c;1;1=65",
        "p1;c;1;=1",
        "p1;c;01;",
        "p1;c;A;",
        "p1;c;1;1=01",
        "p1;c;1; 1=1",
        "p1;c;1;1=1 ",
        "p1;c;10000000000000000;",
        "p1;c c;1;",
        " p1;c;1;",
        "{\"version\":1}",
        "p1;0123456789012345678901234567890123456789012345678901234567890123;1;",
    };
    struct bridge_cursor_text back;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (decode(wrong[i], 100, &back))
            fail_msg("'%s' was believed", wrong[i]);
    assert_true(decode("p1;c;1;1=64", 100, &back)); /* its neighbour is right */
    assert_false(bridge_cursor_text_decode(bytes_of("p1;c;1;\0", 8), 100, &back));
    assert_false(bridge_cursor_text_decode(BYTES_NULL, 100, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_text_is_as_documented),
        cmocka_unit_test(test_the_hash_never_changes),
        cmocka_unit_test(test_the_most_lanes_with_the_largest_numbers_fit),
        cmocka_unit_test(test_random_metas_come_back),
        cmocka_unit_test(test_a_strange_cluster_id_counts_as_not_known),
        cmocka_unit_test(test_what_is_not_ours_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
