/* SPDX-License-Identifier: MIT
 * test_base.c - errors, bytes, codec, buffers, checksums, random ids. */
#include "base/buf.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_every_error_has_name_text_and_class(void **state)
{
    (void)state;
    for (int code = 0; code < ERR_COUNT; code++) {
        assert_memory_equal(err_name((enum err)code), "ERR_", 4);
        assert_true(strlen(err_text((enum err)code)) > 0);
    }
    assert_int_equal(err_class_of(ERR_FULL), ERR_CLASS_RETRY);
    assert_int_equal(err_class_of((enum err)999), ERR_CLASS_FAULT);
}

static void test_messages_grow_in_front_and_are_cut_at_the_end(void **state)
{
    (void)state;
    struct errmsg msg;
    assert_int_equal(errmsg_set(&msg, ERR_IO, "no %s", "space"), ERR_IO);
    errmsg_wrap(&msg, "write '%s'", "/x");
    assert_string_equal(msg.text, "write '/x': no space");
    for (int i = 0; i < 200; i++)
        errmsg_wrap(&msg, "level %d", i);
    assert_true(strlen(msg.text) < sizeof msg.text);
    assert_int_equal(errmsg_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

static void test_numbers_round_trip_and_reads_are_bounded(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    uint8_t bytes[16];
    for (size_t i = 0; i < 8; i++) {
        uint8_t *end = codec_put_varint(bytes, values[i]);
        assert_int_equal(end - bytes, codec_varint_size(values[i]));
        struct codec_in in = codec_in_of(bytes, (size_t)(end - bytes));
        assert_int_equal(codec_in_varint(&in), values[i]);
        assert_true(in.ok && codec_in_left(&in) == 0);
        in = codec_in_of(bytes, (size_t)(end - bytes) - 1);
        codec_in_varint(&in);
        assert_false(in.ok);
    }
    struct codec_in in = codec_in_of("abc", 3);
    assert_null(codec_in_bytes(&in, UINT64_MAX).data);
    assert_int_equal(codec_in_le(&in, 4), 0);
    assert_false(in.ok); /* and stays so */
    memset(bytes, 0xff, sizeof bytes);
    in = codec_in_of(bytes, sizeof bytes);
    codec_in_varint(&in); /* longer than ten bytes */
    assert_false(in.ok);
}

static void test_buffers_grow_and_quote(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (int i = 0; i < 1000; i++)
        assert_true(buf_printf(&buf, "%d,", i));
    assert_int_equal(buf.size, 3890);
    buf_clear(&buf);
    assert_true(buf_append_json_string(&buf, "a\"\\\n\x01\xc3\xa4", 7));
    assert_string_equal(buf_string(&buf), "\"a\\\"\\\\\\u000a\\u0001\xc3\xa4\"");
    assert_false(buf_reserve(&buf, SIZE_MAX - 10));
    assert_true(buf.failed);
    buf_free(&buf);
    assert_string_equal(log_quote("a \"b\"\n"), "\"a \\\"b\\\"\\x0a\"");
}

/* The definition itself, bit by bit. */
static uint32_t crc32c_slow(const uint8_t *p, size_t size)
{
    uint32_t crc = ~0u;
    while (size-- > 0) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void test_crc32c_is_the_standards_for_every_size_and_offset(void **state)
{
    (void)state;
    uint8_t bytes[320];
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(bytes, 32), 0x8a9136aa); /* RFC 3720 B.4 */
    memset(bytes, 0xff, 32);
    assert_int_equal(crc32c(bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(bytes, 32), 0x46dd794e);
    random_bytes(bytes, sizeof bytes);
    for (size_t offset = 0; offset < 8; offset++)
        for (size_t size = 0; size < 300; size++) {
            assert_int_equal(crc32c(bytes + offset, size), crc32c_slow(bytes + offset, size));
            assert_int_equal(crc32c_extend(crc32c(bytes + offset, size / 3),
                                           bytes + offset + size / 3, size - size / 3),
                             crc32c_slow(bytes + offset, size));
        }
}

static void test_uuids_round_trip_and_odd_ones_are_refused(void **state)
{
    (void)state;
    uint8_t a[16], b[16];
    char text[UUID_TEXT_SIZE];
    random_uuid_v4(a);
    uuid_format(a, text);
    assert_int_equal(text[14], '4');
    assert_int_equal(uuid_parse(text, b), 0);
    assert_memory_equal(a, b, 16);
    static const char *const bad[] = {"",
                                      "x",
                                      "00000000-0000-0000-0000-00000000000",
                                      "00000000_0000-0000-0000-000000000000",
                                      "0000000g-0000-0000-0000-000000000000",
                                      "00000000-0000-0000-0000-0000000000000"};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(uuid_parse(bad[i], b), -1);
    assert_int_not_equal(random_u64(), random_u64());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error_has_name_text_and_class),
        cmocka_unit_test(test_messages_grow_in_front_and_are_cut_at_the_end),
        cmocka_unit_test(test_numbers_round_trip_and_reads_are_bounded),
        cmocka_unit_test(test_buffers_grow_and_quote),
        cmocka_unit_test(test_crc32c_is_the_standards_for_every_size_and_offset),
        cmocka_unit_test(test_uuids_round_trip_and_odd_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
