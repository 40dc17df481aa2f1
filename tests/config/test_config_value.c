/* SPDX-License-Identifier: MIT
 * test_config_value.c - sizes, durations, counts, modes and booleans: texts to numbers and back. */
#include "config/config_value.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef bool parse_fn(const char *text, uint64_t *ret_number);

#define UNTOUCHED UINT64_C(0xfeedface)

struct accepted {
    const char *text;
    uint64_t number;
};

static void assert_accepts(parse_fn *parse, const struct accepted *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = UNTOUCHED;
        if (!parse(rows[i].text, &number))
            fail_msg("'%s' was refused", rows[i].text);
        if (number != rows[i].number)
            fail_msg("'%s' is %" PRIu64 ", not %" PRIu64, rows[i].text, number, rows[i].number);
    }
}

static void assert_refuses(parse_fn *parse, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = UNTOUCHED;
        if (parse(texts[i], &number))
            fail_msg("'%s' was taken as %" PRIu64, texts[i], number);
        assert_int_equal(number, UNTOUCHED); /* outputs are written only on success */
    }
}

#define ACCEPTS(parse, ...)                                                                        \
    do {                                                                                           \
        static const struct accepted rows[] = {__VA_ARGS__};                                       \
        assert_accepts(parse, rows, sizeof rows / sizeof rows[0]);                                 \
    } while (0)

#define REFUSES(parse, ...)                                                                        \
    do {                                                                                           \
        static const char *const texts[] = {__VA_ARGS__};                                          \
        assert_refuses(parse, texts, sizeof texts / sizeof texts[0]);                              \
    } while (0)

static void test_size(void **state)
{
    (void)state;
    ACCEPTS(config_value_size, {"0", 0}, {"1000000", 1000000}, {"32MiB", 32ull << 20},
            {"10GiB", 10ull << 30}, {"512KiB", 512ull << 10}, {"64MB", 64000000}, {"64kB", 64000},
            {"64KB", 64000}, {"2GB", 2000000000}, {"1TiB", 1ull << 40}, {"2TiB", 2ull << 40},
            {"3GB", 3000000000}, {"1TB", 1000000000000}, {"7B", 7}, {"32 MiB", 32ull << 20},
            {"18446744073709551615", UINT64_MAX}, {"16777215TiB", 16777215ull << 40});
    REFUSES(config_value_size, "", " ", "MiB", "-1", "+1", "1.5GiB", "32mib", "32M", "32MiBx",
            "32MiB ", " 32MiB", "32  MiB", "32 ", "0x20", "1_000", "1,000", "18446744073709551616",
            "16777216TiB", "99999999999999999999999", "1e6", "1PiB", "1.5MiB", "32MiBs",
            "18446744073709551615KiB", "0x10");
}

static void test_duration(void **state)
{
    (void)state;
    ACCEPTS(config_value_duration, {"500ms", 500}, {"10s", 10000}, {"5m", 300000}, {"2h", 7200000},
            {"1d", 86400000}, {"0s", 0}, {"10 s", 10000});
    REFUSES(config_value_duration, "", "10", "s", "-10s", "1.5s", "10S", "10sec", "1h30m", "10us",
            "10s ", " 10s", "10 sec", "1m30s", "-1s", "300000000000000d", "18446744073709551615s",
            "18446744073709551616ms");
}

static void test_count(void **state)
{
    (void)state;
    ACCEPTS(config_value_count, {"0", 0}, {"64", 64}, {"007", 7}, {"4096", 4096},
            {"18446744073709551615", UINT64_MAX});
    REFUSES(config_value_count, "", "-1", "+1", "1.0", "1e3", "0x10", "1 ", " 1", "one",
            "18446744073709551616", "1k");
}

static void test_mode(void **state)
{
    (void)state;
    ACCEPTS(config_value_mode, {"0660", 0660}, {"660", 0660}, {"0o660", 0660}, {"0o600", 0600},
            {"0000", 0}, {"0777", 0777});
    REFUSES(config_value_mode, "", "0o", "0680", "rw-rw----", "0x1b0", "-0660", "0660 ",
            "7777777777777777777777777");
}

/* YAML 1.1 has many spellings; one each is enough and can't be taken for a text. */
static void test_bool(void **state)
{
    (void)state;
    ACCEPTS(config_value_bool, {"true", 1}, {"false", 0});
    REFUSES(config_value_bool, "", "yes", "no", "on", "off", "True", "TRUE", "1", "0", "true ",
            "y");
}

static void assert_formats(void (*format)(uint64_t, struct buf *), parse_fn *parse, uint64_t number,
                           const char *text)
{
    struct buf out = {0};
    format(number, &out);
    assert_string_equal(buf_string(&out), text);
    uint64_t again = UNTOUCHED;
    assert_true(parse(buf_string(&out), &again));
    assert_int_equal(again, number);
    buf_free(&out);
}

static void test_format_uses_the_largest_unit_that_loses_nothing(void **state)
{
    (void)state;
    assert_formats(config_value_format_size, config_value_size, 0, "0");
    assert_formats(config_value_format_size, config_value_size, 1, "1");
    assert_formats(config_value_format_size, config_value_size, 1000000, "1000000");
    assert_formats(config_value_format_size, config_value_size, 512ull << 10, "512KiB");
    assert_formats(config_value_format_size, config_value_size, 1536ull << 20, "1536MiB");
    assert_formats(config_value_format_size, config_value_size, (32ull << 20) + 1024, "32769KiB");
    assert_formats(config_value_format_size, config_value_size, 10ull << 30, "10GiB");
    assert_formats(config_value_format_size, config_value_size, 1024ull << 40, "1024TiB");
    assert_formats(config_value_format_size, config_value_size, UINT64_MAX, "18446744073709551615");
    assert_formats(config_value_format_duration, config_value_duration, 0, "0ms");
    assert_formats(config_value_format_duration, config_value_duration, 250, "250ms");
    assert_formats(config_value_format_duration, config_value_duration, 1500, "1500ms");
    assert_formats(config_value_format_duration, config_value_duration, 60000, "1m");
    assert_formats(config_value_format_duration, config_value_duration, 90000, "90s");
    assert_formats(config_value_format_duration, config_value_duration, 3600000, "1h");
    assert_formats(config_value_format_duration, config_value_duration, 172800000, "2d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_format_uses_the_largest_unit_that_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
