/* SPDX-License-Identifier: MIT
 * test_spool_format.c - the worked example in docs/spool-format.md is what the code writes and
 * reads. */
#include "spool/format/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define SEED 0x0123456789abcdefull

/* The bytes in the page's ```hex block. */
static size_t read_example(uint8_t *bytes, size_t bytes_max)
{
    FILE *page = fopen("docs/spool-format.md", "r"); /* tests run in the project's directory */
    char line[2048];
    size_t count = 0;
    bool inside = false;
    if (page == NULL)
        fail_msg("docs/spool-format.md isn't there");
    while (fgets(line, sizeof line, page) != NULL) {
        if (strncmp(line, "```", 3) == 0) {
            inside = strncmp(line, "```hex", 6) == 0;
            continue;
        }
        unsigned byte;
        int used;
        for (const char *at = line; inside && sscanf(at, "%2x%n", &byte, &used) == 1; at += used) {
            assert_true(count < bytes_max);
            bytes[count++] = (uint8_t)byte;
        }
    }
    fclose(page);
    return count;
}

static void test_the_example_of_the_page_is_what_the_code_writes(void **state)
{
    (void)state;
    uint8_t example[256], headers[64], frame[256];
    size_t example_size = read_example(example, sizeof example);
    struct spool_header header = {bytes_of_string("trace"), bytes_of("abc", 3)};
    size_t headers_size = (size_t)(spool_headers_put(headers, &header, 1) - headers);
    struct spool_event event = {.time_ms = 1757500000000,
                                .topic = bytes_of_string("orders"),
                                .partition = 7,
                                .key = bytes_of_string("k1"),
                                .headers = bytes_of(headers, headers_size),
                                .header_count = 1,
                                .value = bytes_of_string("hello")};
    size_t size = (size_t)(spool_frame_put(frame, &event) - frame);
    spool_frame_stamp(frame, spool_id_of(109843750000ull, 3), 1, SEED);
    assert_int_equal(example_size, size);
    assert_memory_equal(example, frame, size);
}

static void test_the_example_of_the_page_is_read_as_the_page_says(void **state)
{
    (void)state;
    uint8_t example[256];
    size_t size = read_example(example, sizeof example);
    struct spool_frame frame;
    assert_true(spool_frame_get(example, size, SEED, &frame));
    assert_true(frame.kind == SPOOL_FRAME_EVENT && frame.size == 66 && frame.batch_first == 1);
    assert_true(frame.id == 0x1993329c70000003ull &&
                spool_id_segment(frame.id) == 109843750000ull && spool_id_index(frame.id) == 3);
    assert_true(bytes_equal(frame.event.topic, bytes_of_string("orders")) &&
                bytes_equal(frame.event.key, bytes_of_string("k1")));
    assert_true(bytes_equal(frame.event.value, bytes_of_string("hello")) &&
                frame.event.partition == 7);
    assert_true(frame.event.time_ms == 1757500000000 && !frame.event.client_time &&
                frame.event.header_count == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_of_the_page_is_what_the_code_writes),
        cmocka_unit_test(test_the_example_of_the_page_is_read_as_the_page_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
