/* SPDX-License-Identifier: MIT
 * test_agent_batch.c - request bodies, and what answers mean. */
#include "agent/client/batch.h"
#include "agent/client/deliver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const char *const json = "application/vnd.kafka.binary.v2+json", *const ndjson =
                                                                            "application/x-ndjson";

static void add(struct agent_batch *batch, const char *key, const char *value)
{
    assert_true(agent_batch_add(batch, agent_batch_count(batch) + 1,
                                key == NULL ? BYTES_NULL : bytes_of_string(key),
                                value == NULL ? BYTES_NULL : bytes_of_string(value)));
}

static void expect_body(const struct agent_batch *batch, size_t from, size_t to, const char *type,
                        const char *body)
{
    struct buf out = {0};
    const char *got_type;
    assert_true(agent_batch_render(batch, from, to, &out, &got_type));
    assert_string_equal(got_type, type);
    assert_string_equal(buf_string(&out), body);
    buf_free(&out);
}

static void test_plain_values_go_as_lines(void **state)
{
    (void)state;
    struct agent_batch batch = {0};
    add(&batch, NULL, "one");
    add(&batch, NULL, "{\"two\":2}");
    expect_body(&batch, 0, 2, ndjson, "one\n{\"two\":2}\n");
    expect_body(&batch, 1, 2, ndjson, "{\"two\":2}\n");
    agent_batch_done(&batch);
}

/* Whatever a line would lose or change goes as base64. */
static void test_what_lines_would_change_goes_as_json(void **state)
{
    (void)state;
    static const char *const values[] = {"", NULL, "a\nb", "a\r", "\r"};
    static const char *const encoded[] = {"\"\"", "null", "\"YQpi\"", "\"YQ0=\"", "\"DQ==\""};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct agent_batch batch = {0};
        char body[128];
        add(&batch, NULL, values[i]);
        snprintf(body, sizeof body, "{\"records\":[{\"key\":null,\"value\":%s}]}", encoded[i]);
        expect_body(&batch, 0, 1, json, body);
        agent_batch_done(&batch);
    }
}

static void test_keys_go_as_json_and_empty_is_not_null(void **state)
{
    (void)state;
    struct agent_batch batch = {0};
    add(&batch, "", "");
    add(&batch, "k", "v");
    add(&batch, "k", NULL);
    add(&batch, NULL, "plain");
    expect_body(&batch, 0, 1, json, "{\"records\":[{\"key\":\"\",\"value\":\"\"}]}");
    expect_body(
        &batch, 1, 3, json,
        "{\"records\":[{\"key\":\"aw==\",\"value\":\"dg==\"},{\"key\":\"aw==\",\"value\":null}]}");
    expect_body(&batch, 3, 4, ndjson, "plain\n");
    assert_int_equal(agent_batch_entry(&batch, 3)->line, 4);
    agent_batch_clear(&batch);
    assert_int_equal(agent_batch_count(&batch), 0);
    agent_batch_done(&batch);
}

static void test_headers_go_with_every_event(void **state)
{
    (void)state;
    struct agent_batch batch = {0};
    struct buf headers = {0};
    assert_true(agent_batch_header(&headers, "n\"ame=v=w"));
    assert_true(agent_batch_header(&headers, "empty="));
    assert_true(agent_batch_header(&headers, "null"));
    assert_true(agent_batch_headers_end(&headers));
    batch.headers = (const char *)headers.data;
    assert_string_equal(
        batch.headers,
        "[{\"key\":\"n\\\"ame\",\"value\":\"dj13\"},{\"key\":\"empty\",\"value\":\"\"},"
        "{\"key\":\"null\",\"value\":null}]");
    add(&batch, NULL, "a");
    char body[512];
    snprintf(body, sizeof body, "{\"records\":[{\"key\":null,\"value\":\"YQ==\",\"headers\":%s}]}",
             batch.headers);
    expect_body(&batch, 0, 1, json, body);
    agent_batch_done(&batch);
    buf_free(&headers);
}

/* Only 200 is an acceptance; nothing the agent may change its mind about drops an event. */
static void test_only_answers_about_the_events_refuse_them(void **state)
{
    (void)state;
    for (int status = 100; status < 700; status++) {
        enum agent_verdict wanted = status == 200 ? AGENT_VERDICT_ACCEPTED
                                    : status == 400 || status == 413 || status == 422
                                        ? AGENT_VERDICT_REFUSED
                                    : status == 408 || status == 429 ? AGENT_VERDICT_LATER
                                    : status >= 500 && status < 600  ? AGENT_VERDICT_LATER
                                                                     : AGENT_VERDICT_HOPELESS;
        assert_int_equal(agent_deliver_verdict(status), wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_values_go_as_lines),
        cmocka_unit_test(test_what_lines_would_change_goes_as_json),
        cmocka_unit_test(test_keys_go_as_json_and_empty_is_not_null),
        cmocka_unit_test(test_headers_go_with_every_event),
        cmocka_unit_test(test_only_answers_about_the_events_refuse_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
