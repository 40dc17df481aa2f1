/* SPDX-License-Identifier: MIT
 * test_agent_http_head.c - URLs, and the heads of answers. */
#include "agent/client/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* In memory of exactly its size, so that a step beyond is seen. */
static int parse(const char *text, struct agent_http_head *head)
{
    size_t size = strlen(text);
    char *copy = malloc(size == 0 ? 1 : size);
    memcpy(copy, text, size);
    int result = agent_http_head_parse(bytes_of(copy, size), head);
    free(copy);
    return result;
}

static void test_head_of_an_answer_is_taken_apart(void **state)
{
    (void)state;
    static const char text[] =
        "HTTP/1.1 200 OK\r\nDate: now\r\ncontent-LENGTH: \t12 \r\nConnection: Close\r\n\r\nbody";
    struct agent_http_head head;
    assert_int_equal(parse(text, &head), (int)sizeof text - 5);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.content_length, 12);
    assert_true(head.close);
    assert_int_equal(parse("HTTP/1.0 503\r\n\r\n", &head), 16);
    assert_int_equal(head.status, 503);
    assert_int_equal(head.content_length, -1);
    assert_false(head.close);
}

static void test_head_that_is_cut_anywhere_waits_for_more(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
    struct agent_http_head head;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        char part[64];
        snprintf(part, sizeof part, "%.*s", (int)size, text);
        assert_int_equal(parse(part, &head), 0);
    }
    assert_int_equal(parse(text, &head), (int)sizeof text - 1);
}

static void test_what_is_no_answer_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    struct agent_http_head head;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (parse(texts[i], &head) != -1)
            fail_msg("taken: %s", texts[i]);
}

static void test_endless_head_is_refused(void **state)
{
    (void)state;
    size_t size = AGENT_HTTP_HEAD_SIZE_MAX;
    char *text = malloc(size);
    struct agent_http_head head;
    memset(text, 'x', size);
    memcpy(text, "HTTP/1.1 200 OK\r\nx: ", 20);
    assert_int_equal(agent_http_head_parse(bytes_of(text, size - 1), &head), 0);
    assert_int_equal(agent_http_head_parse(bytes_of(text, size), &head), -1);
    free(text);
}

static void expect_url(const char *url, const char *host, const char *port)
{
    char got_host[256], got_port[8];
    if (!agent_http_url_parse(url, got_host, got_port))
        fail_msg("%s was refused", url);
    assert_string_equal(got_host, host);
    assert_string_equal(got_port, port);
}

static void test_urls_name_host_and_port(void **state)
{
    (void)state;
    expect_url("http://127.0.0.1:8080", "127.0.0.1", "8080");
    expect_url("http://127.0.0.1:8080/", "127.0.0.1", "8080");
    expect_url("http://host", "host", "80");
    expect_url("http://[::1]:81", "::1", "81");
    expect_url("http://[::1]", "::1", "80");
    static const char *const bad[] = {"",
                                      "127.0.0.1:8080",
                                      "https://x",
                                      "http://",
                                      "http://:80",
                                      "http://x:",
                                      "http://x:8a",
                                      "http://x:123456",
                                      "http://[::1",
                                      "http://[::1]81",
                                      "http://[]:1",
                                      "http://x/path"};
    char host[256], port[8];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (agent_http_url_parse(bad[i], host, port))
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_of_an_answer_is_taken_apart),
        cmocka_unit_test(test_head_that_is_cut_anywhere_waits_for_more),
        cmocka_unit_test(test_what_is_no_answer_is_refused),
        cmocka_unit_test(test_endless_head_is_refused),
        cmocka_unit_test(test_urls_name_host_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
