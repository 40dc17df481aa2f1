/* SPDX-License-Identifier: MIT
 * test_random.c - random UUIDs carry their version and variant, and nothing else that is fixed. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_every_bit_but_version_and_variant_varies(void **state)
{
    (void)state;
    uint8_t ones[16], zeros[16], uuid[16];
    memset(ones, 0xff, 16);
    memset(zeros, 0, 16);
    for (int i = 0; i < 200; i++) {
        random_uuid_v4(uuid);
        for (int b = 0; b < 16; b++) {
            ones[b] &= uuid[b];
            zeros[b] |= uuid[b];
        }
    }
    for (int b = 0; b < 16; b++) { /* RFC 9562: 0100 in byte 6, 10 in byte 8 */
        assert_int_equal(ones[b], b == 6 ? 0x40 : b == 8 ? 0x80 : 0);
        assert_int_equal(zeros[b], b == 6 ? 0x4f : b == 8 ? 0xbf : 0xff);
    }
}

static void test_bytes_are_filled_to_the_last_and_not_beyond(void **state)
{
    (void)state;
    enum { SIZE = 700 }; /* more than one getrandom() promises at once */
    uint8_t bytes[SIZE + 1], seen[SIZE] = {0};
    for (int i = 0; i < 20; i++) {
        memset(bytes, 0, sizeof bytes);
        random_bytes(bytes, SIZE);
        assert_int_equal(bytes[SIZE], 0);
        for (int b = 0; b < SIZE; b++)
            seen[b] |= bytes[b];
    }
    assert_null(memchr(seen, 0, SIZE));
    random_bytes(bytes, 0);
}

static void test_a_text_changed_anywhere_is_no_uuid_or_another(void **state)
{
    (void)state;
    uint8_t uuid[16], other[16];
    char text[UUID_TEXT_SIZE];
    random_uuid_v4(uuid);
    uuid_format(uuid, text);
    for (size_t i = 0; i < 36; i++) {
        char before = text[i];
        static const char odd[] = "g -\n+x\xc3";
        for (size_t k = 0; k < sizeof odd - 1; k++) {
            text[i] = odd[k];
            memset(other, 7, 16);
            bool dash = i == 8 || i == 13 || i == 18 || i == 23;
            assert_int_equal(uuid_parse(text, other), dash && odd[k] == '-' ? 0 : -1);
            if (!(dash && odd[k] == '-'))
                assert_int_equal(other[0], 7); /* nothing was written */
        }
        text[i] = before;
    }
    for (size_t i = 0; i < 36; i++) /* upper case is read too */
        text[i] = text[i] >= 'a' ? (char)(text[i] - 32) : text[i];
    assert_int_equal(uuid_parse(text, other), 0);
    assert_memory_equal(uuid, other, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_bit_but_version_and_variant_varies),
        cmocka_unit_test(test_bytes_are_filled_to_the_last_and_not_beyond),
        cmocka_unit_test(test_a_text_changed_anywhere_is_no_uuid_or_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
