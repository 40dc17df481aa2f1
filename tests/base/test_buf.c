/* SPDX-License-Identifier: MIT
 * test_buf.c - views and buffers: null is not empty, and a buffer keeps what it had when it cannot
 * grow. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_null_is_not_empty(void **state)
{
    (void)state;
    assert_true(bytes_equal(BYTES_NULL, BYTES_NULL));
    assert_true(bytes_equal(bytes_of("", 0), bytes_of("x", 0)));
    assert_false(bytes_equal(BYTES_NULL, bytes_of("", 0)));
    assert_false(bytes_equal(bytes_of("", 0), BYTES_NULL));
    assert_false(bytes_equal(bytes_of_string("ab"), bytes_of_string("a")));
    assert_false(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
}

static void test_a_buffer_that_cannot_grow_keeps_what_it_had_until_it_is_cleared(void **state)
{
    (void)state;
    struct buf buf = {0};
    assert_true(buf_append_string(&buf, "kept"));
    assert_false(buf_append(&buf, "", SIZE_MAX));
    assert_false(buf_append(&buf, "", SIZE_MAX - 2));
    assert_false(buf_reserve(&buf, SIZE_MAX / 2));
    assert_true(buf.failed);
    assert_string_equal(buf_string(&buf), "kept");
    assert_true(buf_append_char(&buf, '!'));
    assert_true(buf.failed); /* a writer that checks once at its end must see it */
    assert_false(buf_append_json_string(&buf, "x", 1));
    buf_clear(&buf);
    assert_false(buf.failed);
    assert_int_equal(buf.size, 0);
    assert_string_equal(buf_string(&buf), "");
    assert_true(buf_append_json_string(&buf, "x", 1));
    buf_free(&buf);
    assert_true(buf.data == NULL && buf.capacity == 0);
    assert_true(buf_append_string(&buf, "used again"));
    assert_string_equal(buf_string(&buf), "used again");
    buf_free(&buf);
}

static void test_a_buffer_grows_by_any_size(void **state)
{
    (void)state;
    struct buf buf = {0};
    size_t total = 0;
    assert_true(buf_append(&buf, NULL, 0));
    for (size_t size = 0; size < 700; size++) {
        assert_true(buf_reserve(&buf, size));
        memset(buf.data == NULL ? (uint8_t[1]){0} : buf.data + buf.size, (int)(size & 0xff), size);
        buf.size += size;
        total += size;
        assert_true(buf.capacity >= buf.size);
    }
    assert_int_equal(buf.size, total);
    for (size_t size = 0, at = 0; size < 700; at += size++)
        for (size_t i = 0; i < size; i++)
            assert_int_equal(buf.data[at + i], size & 0xff);
    buf_free(&buf);
}

static void test_json_strings_escape_all_that_must_be(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (int c = 0; c < 256; c++) {
        char in = (char)c, expected[16];
        buf_clear(&buf);
        assert_true(buf_append_json_string(&buf, &in, 1));
        assert_int_equal(buf.size, c == '"' || c == '\\' ? 4 : c < 0x20 ? 8 : 3);
        if (c < 0x20) {
            snprintf(expected, sizeof expected, "\"\\u%04x\"", (unsigned)c);
            assert_memory_equal(buf.data, expected, 8);
        }
    }
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_is_not_empty),
        cmocka_unit_test(test_a_buffer_that_cannot_grow_keeps_what_it_had_until_it_is_cleared),
        cmocka_unit_test(test_a_buffer_grows_by_any_size),
        cmocka_unit_test(test_json_strings_escape_all_that_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
