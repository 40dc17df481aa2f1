/* SPDX-License-Identifier: MIT
 * test_log.c - log lines: one event one line, whatever is in it and however many threads write. */
#include "base/log.h"

#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int saved_stderr = -1;
static FILE *captured;

static int set_up(void **state)
{
    (void)state;
    captured = tmpfile();
    saved_stderr = dup(STDERR_FILENO);
    log_set_level(LOG_LEVEL_INFO);
    return captured == NULL || fcntl(fileno(captured), F_SETFL, O_APPEND) != 0 ||
           dup2(fileno(captured), STDERR_FILENO) < 0;
}

static void end_capture(void)
{
    if (saved_stderr >= 0) {
        dup2(saved_stderr, STDERR_FILENO);
        close(saved_stderr);
    }
    saved_stderr = -1;
    rewind(captured);
}

static int tear_down(void **state)
{
    (void)state;
    end_capture();
    clock_set_wall_offset_ms(0);
    return fclose(captured);
}

static bool next_line(char *line, int size)
{
    return fgets(line, size, captured) != NULL;
}

static void test_a_line_has_time_level_event_and_pairs(void **state)
{
    (void)state;
    char line[4096];
    int year, month, day, hour, minute, second, ms, used = 0;
    log_event(LOG_LEVEL_WARN, "lane_backing_off", "topic=%s wait_ms=%d", "orders", 250);
    log_event(LOG_LEVEL_ERROR, "bare", NULL);
    log_event(LOG_LEVEL_INFO, "empty", "%s", "");
    end_capture();
    assert_true(next_line(line, sizeof line));
    assert_int_equal(sscanf(line, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day,
                            &hour, &minute, &second, &ms, &used),
                     7);
    assert_true(year >= 2024 && month >= 1 && month <= 12 && used == 30);
    assert_string_equal(line + used,
                        "level=warn event=lane_backing_off topic=orders wait_ms=250\n");
    assert_true(next_line(line, sizeof line));
    assert_string_equal(line + used, "level=error event=bare\n");
    assert_true(next_line(line, sizeof line));
    assert_memory_equal(line + used, "level=info event=empty", 22);
    assert_false(next_line(line, sizeof line));
}

static void test_lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    char line[256];
    for (int least = LOG_LEVEL_DEBUG; least <= LOG_LEVEL_ERROR; least++) {
        log_set_level((enum log_level)least);
        for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++)
            log_event((enum log_level)level, "e", "least=%d level_is=%d", least, level);
    }
    end_capture();
    for (int least = LOG_LEVEL_DEBUG; least <= LOG_LEVEL_ERROR; least++)
        for (int level = least; level <= LOG_LEVEL_ERROR; level++) {
            char expected[64];
            snprintf(expected, sizeof expected, "least=%d level_is=%d\n", least, level);
            assert_true(next_line(line, sizeof line));
            assert_non_null(strstr(line, expected));
        }
    assert_false(next_line(line, sizeof line));
}

static void test_a_line_too_long_is_cut_and_still_one_line(void **state)
{
    (void)state;
    static char text[10000], line[20000];
    memset(text, 'x', sizeof text - 1);
    log_event(LOG_LEVEL_INFO, "long", "text=%s", text);
    log_event(LOG_LEVEL_INFO, text, "text=%s", text);
    log_event(LOG_LEVEL_INFO, "next", NULL);
    end_capture();
    for (int i = 0; i < 2; i++) {
        assert_true(next_line(line, sizeof line));
        assert_in_range(strlen(line), 1000, 2048);
    }
    assert_true(next_line(line, sizeof line));
    assert_non_null(strstr(line, "event=next\n"));
    assert_false(next_line(line, sizeof line));
}

enum { THREADS = 4, LINES = 500 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_event(LOG_LEVEL_INFO, "busy", "from=%s end=yes", log_quote(arg));
    return NULL;
}

static void test_lines_of_many_threads_do_not_mix(void **state)
{
    (void)state;
    static char names[THREADS][8] = {"first", "second", "third", "fourth"};
    pthread_t threads[THREADS];
    int seen[THREADS] = {0};
    char line[512];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    end_capture();
    while (next_line(line, sizeof line)) {
        int which = -1;
        for (int i = 0; i < THREADS; i++) {
            char expected[64];
            snprintf(expected, sizeof expected, " level=info event=busy from=\"%s\" end=yes\n",
                     names[i]);
            if (strcmp(line + 29, expected) == 0)
                which = i;
        }
        assert_int_not_equal(which, -1);
        seen[which]++;
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(seen[i], LINES);
}

static void test_quoted_text_stays_on_its_line_and_in_its_quotes(void **state)
{
    (void)state;
    assert_string_equal(log_quote("a\r\nb\t\x7f\\\""), "\"a\\x0d\\x0ab\\x09\\x7f\\\\\\\"\"");
    assert_string_equal(log_quote("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
    assert_string_equal(log_quote(""), "\"\"");
    assert_string_equal(log_quote(NULL), "\"\"");
    const char *first = log_quote("1"), *second = log_quote("2"), *third = log_quote("3");
    assert_string_equal(log_quote("4"), "\"4\"");
    assert_string_equal(first, "\"1\""); /* still there after three more */
    assert_string_equal(second, "\"2\"");
    assert_string_equal(third, "\"3\"");
}

static void test_quoted_text_of_any_length_fits(void **state)
{
    (void)state;
    static const char fillers[] = {'x', '"', '\n'};
    char text[2000];
    for (size_t f = 0; f < 3; f++)
        for (size_t size = 0; size < sizeof text;
             size += size < 240 || (size > 880 && size < 1100) ? 1 : 37) {
            size_t plain = size % 5 < size ? size % 5 : size; /* so that escapes begin anywhere */
            memset(text, 'x', plain);
            memset(text + plain, fillers[f], size - plain);
            text[size] = '\0';
            const char *quoted = log_quote(text);
            size_t length = strlen(quoted),
                   each = f == 0   ? 1
                          : f == 1 ? 2
                                   : 4,
                   whole = plain + (size - plain) * each + 2;
            assert_true(quoted[0] == '"' && quoted[length - 1] == '"');
            assert_true(length < 1024 - 10); /* the buffer it says it has */
            if (whole <= 900)
                assert_int_equal(length, whole);
        }
}

static void test_levels_are_parsed_by_their_names_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warn", "error"}, *const bad[] = {
                                                                               "",      "warning",
                                                                               "INFO",  "err",
                                                                               "info ", "4"};
    enum log_level level = LOG_LEVEL_DEBUG;
    for (int i = 0; i < 4; i++) {
        assert_true(log_level_parse(names[i], &level));
        assert_int_equal(level, i);
    }
    for (int i = 0; i < 6; i++)
        assert_false(log_level_parse(bad[i], &level));
    assert_int_equal(level, LOG_LEVEL_ERROR);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_line_has_time_level_event_and_pairs),
        CASE(test_lines_below_the_level_are_not_written),
        CASE(test_a_line_too_long_is_cut_and_still_one_line),
        CASE(test_lines_of_many_threads_do_not_mix),
        cmocka_unit_test(test_quoted_text_stays_on_its_line_and_in_its_quotes),
        cmocka_unit_test(test_quoted_text_of_any_length_fits),
        cmocka_unit_test(test_levels_are_parsed_by_their_names_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
