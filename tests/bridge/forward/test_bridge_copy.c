/* SPDX-License-Identifier: MIT
 * test_bridge_copy.c - what the copy of a dead letter consists of, whole and with parts left
 * out. */
#include "bridge/forward/letter_copies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct spool_letter_reason reason = {
    .error = "INVALID_TIMESTAMP", .text = "Broker: Invalid timestamp", .time_ms = 1757500000000};
static uint8_t encoded[64];
static struct buf headers;

static struct spool_event event_of(void)
{
    const struct spool_header own[] = {{bytes_of_string("trace"), bytes_of_string("abc")},
                                       {bytes_of_string("none"), {NULL, 0}}};
    spool_headers_put(encoded, own, 2);
    return (struct spool_event){.id = 77,
                                .time_ms = 1000,
                                .topic = bytes_of_string("orders"),
                                .key = bytes_of_string("k"),
                                .value = bytes_of_string("value"),
                                .headers = bytes_of(encoded, spool_headers_size(own, 2)),
                                .header_count = 2,
                                .partition = SPOOL_PARTITION_ANY};
}

/* "name=value;", with - for null */
static const char *copy(const struct spool_event *event, const char *spool_id,
                        enum bridge_letter_copy_size size, struct spool_event *ret_copy)
{
    static char text[1024];
    struct spool_header header;
    uint32_t count = 0;
    assert_true(bridge_letter_copy_of(event, &reason, spool_id, size, &headers, ret_copy));
    text[0] = '\0';
    for (struct bytes rest = ret_copy->headers; spool_headers_next(&rest, &header); count++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s=%.*s;",
                 (int)header.name.size, (const char *)header.name.data,
                 header.value.data == NULL ? 1 : (int)header.value.size,
                 header.value.data == NULL ? "-" : (const char *)header.value.data);
    assert_int_equal(ret_copy->header_count, count);
    return text;
}

static void test_a_whole_one_has_all_of_the_event_and_why(void **state)
{
    (void)state;
    struct spool_event event = event_of(), made;
    assert_string_equal(
        copy(&event, "SPOOL", BRIDGE_COPY_WHOLE, &made),
        "trace=abc;none=-;penstock-topic=orders;penstock-id=SPOOL/77;penstock-time=1000;"
        "penstock-error=INVALID_TIMESTAMP;penstock-reason=Broker: Invalid timestamp;");
    assert_memory_equal(made.value.data, "value", 5);
    assert_memory_equal(made.key.data, "k", 1);
    assert_int_equal(made.time_ms, reason.time_ms); /* the event's own is what is wrong with it */
    event.partition = 7;
    event.origin_id = 55; /* moved: that is how it was accepted */
    const char *text = copy(&event, "SPOOL", BRIDGE_COPY_WHOLE, &made);
    assert_non_null(strstr(text, ";penstock-partition=7;penstock-id=SPOOL/55;"));
    assert_int_equal(made.partition, SPOOL_PARTITION_ANY);
    assert_null(strstr(copy(&event, NULL, BRIDGE_COPY_WHOLE, &made), "penstock-id"));
}

static void test_what_is_left_out_is_named(void **state)
{
    (void)state;
    struct spool_event event = event_of(), made;
    const char *text = copy(&event, "S", BRIDGE_COPY_NO_VALUE, &made);
    assert_non_null(strstr(text, "trace=abc;"));
    assert_non_null(strstr(text, ";penstock-omitted=value;penstock-value-size=5;"));
    assert_int_equal(made.value.size, 0);
    assert_non_null(made.value.data); /* empty, not null: that would delete in a compacted topic */
    assert_int_equal(made.key.size, 1);
    text = copy(&event, "S", BRIDGE_COPY_BARE, &made);
    assert_null(strstr(text, "trace"));
    assert_non_null(strstr(text, ";penstock-omitted=value,key,headers;"));
    assert_null(made.key.data);
}

static void test_null_stays_null(void **state)
{
    (void)state;
    struct spool_event event = event_of(), made;
    event.key = event.value = event.headers = (struct bytes){NULL, 0};
    event.header_count = 0;
    copy(&event, "S", BRIDGE_COPY_WHOLE, &made);
    assert_null(made.value.data);
    assert_null(made.key.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_one_has_all_of_the_event_and_why),
        cmocka_unit_test(test_what_is_left_out_is_named),
        cmocka_unit_test(test_null_stays_null),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&headers);
    return failed;
}
