/* SPDX-License-Identifier: MIT
 * test_agent_lines.c - kcat's rules for lines. */
#include "agent/client/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* Feeds text in pieces of `step` bytes and writes down what is found as "<number>:<line>|",
 * "<number>!|" when too long. */
static const char *cut(const char *text, size_t step, size_t line_bytes_max)
{
    static char seen[1024];
    struct agent_lines lines = {.line_bytes_max = line_bytes_max};
    size_t size = strlen(text), at = 0, n = 0;
    seen[0] = '\0';
    for (bool at_end = false; !at_end; at += n) {
        n = size - at < step ? size - at : step;
        at_end = n == 0;
        uint8_t *room = agent_lines_room(&lines, step);
        assert_non_null(room);
        memcpy(room, text + at, n);
        agent_lines_filled(&lines, n);
        struct bytes line;
        for (enum agent_lines_found found;
             (found = agent_lines_next(&lines, at_end, &line)) != AGENT_LINES_NONE;) {
            size_t used = strlen(seen);
            if (found == AGENT_LINES_LINE)
                snprintf(seen + used, sizeof seen - used, "%d:%.*s|", (int)lines.number,
                         (int)line.size, (const char *)line.data);
            else
                snprintf(seen + used, sizeof seen - used, "%d!|", (int)lines.number);
        }
    }
    agent_lines_done(&lines);
    return seen;
}

static void expect_cut(const char *text, size_t line_bytes_max, const char *wanted)
{
    for (size_t step = 1; step <= 12; step++)
        assert_string_equal(cut(text, step, line_bytes_max), wanted);
}

static void test_lines_come_out_whole_however_they_arrive(void **state)
{
    (void)state;
    expect_cut("", 100, "");
    expect_cut("a", 100, "1:a|");
    expect_cut("a\n", 100, "1:a|");
    expect_cut("one\ntwo\n\nfour", 100, "1:one|2:two|3:|4:four|");
    expect_cut("\n\n", 100, "1:|2:|");
    expect_cut("cr\r\nend\r", 100, "1:cr\r|2:end\r|");
}

static void test_line_that_is_too_long_is_left_out_and_counted(void **state)
{
    (void)state;
    expect_cut("12345\n123456\nlast\n", 5, "1:12345|2!|3:last|");
    expect_cut("12345678901234567890", 5, "1!|");
    expect_cut("12345678901234567890\n12345678901234567890\nx", 5, "1!|2!|3:x|");
    expect_cut("12345678901234567890\n\nx\n", 5, "1!|2:|3:x|");
}

static void test_memory_stays_bounded_without_a_newline(void **state)
{
    (void)state;
    struct agent_lines lines = {.line_bytes_max = 1000};
    struct bytes line;
    for (int i = 0; i < 10000; i++) {
        uint8_t *room = agent_lines_room(&lines, 1000);
        memset(room, 'x', 1000);
        agent_lines_filled(&lines, 1000);
        (void)agent_lines_next(&lines, false, &line);
    }
    assert_true(lines.input.capacity < 10000);
    assert_int_equal(lines.number, 1);
    agent_lines_done(&lines);
}

static void expect_split(const char *text, const char *delimiter, bool empty_is_null,
                         const char *key, const char *value)
{
    struct agent_line line;
    assert_true(agent_line_split(bytes_of_string(text), delimiter, empty_is_null, &line));
    assert_true(bytes_equal(line.key, key == NULL ? BYTES_NULL : bytes_of_string(key)));
    assert_true(bytes_equal(line.value, value == NULL ? BYTES_NULL : bytes_of_string(value)));
}

static void test_key_ends_at_the_first_delimiter(void **state)
{
    (void)state;
    expect_split("a:b:c", ":", false, "a", "b:c");
    expect_split("a=>b", "=>", false, "a", "b");
    expect_split("none", ":", false, NULL, "none");
    expect_split("a:b", NULL, false, NULL, "a:b");
    expect_split(":x", ":", false, "", "x");
    expect_split("k:", ":", false, "k", "");
    expect_split(":x", ":", true, NULL, "x");
    expect_split("k:", ":", true, "k", NULL);
    expect_split(":", ":", true, NULL, NULL);
    struct agent_line line;
    assert_false(agent_line_split(bytes_of("", 0), ":", false, &line));
}

static void test_delimiters_may_have_escapes(void **state)
{
    (void)state;
    char out[32];
    assert_true(agent_line_unescape("\\t", out));
    assert_string_equal(out, "\t");
    assert_true(agent_line_unescape("a\\x1Fb\\\\\\n", out));
    assert_string_equal(out, "a\x1f"
                             "b\\\n");
    static const char *const bad[] = {"", "\\", "\\q", "\\x", "\\x1", "\\xg1", "\\x00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(agent_line_unescape(bad[i], out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_out_whole_however_they_arrive),
        cmocka_unit_test(test_line_that_is_too_long_is_left_out_and_counted),
        cmocka_unit_test(test_memory_stays_bounded_without_a_newline),
        cmocka_unit_test(test_key_ends_at_the_first_delimiter),
        cmocka_unit_test(test_delimiters_may_have_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
