/* SPDX-License-Identifier: MIT
 * test_ingest_route.c - paths, content types, numbers, base64, and what errors look like to
 * clients. */
#include "base/base64.h"
#include "ingest/parse/route.h"
#include "ingest/ingest_parameter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_paths_name_topic_and_partition(void **state)
{
    struct ingest_route route;
    struct ingest_problem problem = {0};
    (void)state;
    assert_true(ingest_route_parse("/topics/a.B-c_9", &route, &problem));
    assert_memory_equal(route.topic, "a.B-c_9", 7);
    assert_int_equal(route.topic_size, 7);
    assert_int_equal(route.partition, SPOOL_PARTITION_ANY);
    assert_true(ingest_route_parse("/topics/%61%2Eb/partitions/2147483647", &route, &problem));
    assert_memory_equal(route.topic, "a.b", 3);
    assert_int_equal(route.partition, 2147483647);
}

static void test_other_paths_are_refused(void **state)
{
    static const struct {
        const char *path;
        int status;
    } rows[] = {
        {"", 404},
        {"/", 404},
        {"/topics", 404},
        {"/topics/", 422},
        {"/topics/.", 422},
        {"/topics/a/", 404},
        {"/topics/a/b", 404},
        {"/topics/a/partitions", 404},
        {"/topics/a/partitions/", 404},
        {"/topics/a/partitions/-1", 404},
        {"/topics/a/partitions/2147483648", 404},
        {"/topics/a/partitions/1x", 404},
        {"/topics/a%2", 422},
        {"/topics/a%2fb", 422},
        {"/topics/a%00", 422},
        {"/Topics/a", 404},
    };
    char path[300] = "/topics/";
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ingest_route route;
        struct ingest_problem problem = {0};
        assert_false(ingest_route_parse(rows[i].path, &route, &problem));
        assert_int_equal(problem.status, rows[i].status);
    }
    struct ingest_route route;
    struct ingest_problem problem = {0};
    memset(path + 8, 'a', 249);
    assert_true(ingest_route_parse(path, &route, &problem));
    path[8 + 249] = 'a';
    assert_false(ingest_route_parse(path, &route, &problem));
}

static void test_content_types_choose_the_format(void **state)
{
    static const struct {
        const char *type;
        enum ingest_format format;
    } rows[] = {
        {NULL, INGEST_RAW},
        {"", INGEST_RAW},
        {"text/plain", INGEST_RAW},
        {"application/json", INGEST_RAW},
        {"application/x-ndjson", INGEST_NDJSON},
        {" Application/X-NDJSON ;charset=utf-8", INGEST_NDJSON},
        {"application/x-ndjsonx", INGEST_RAW},
        {"application/vnd.kafka.json.v2+json", INGEST_JSON_V2},
        {"application/vnd.kafka.binary.v2+json; x", INGEST_BINARY_V2},
    };
    static const char *const refused[] = {
        "application/vnd.kafka.avro.v2+json", "application/vnd.kafka.json.v1+json",
        "application/vnd.kafka.v2+json", "application/VND.KAFKA.jsonschema.v2+json"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ingest_problem problem = {0};
        enum ingest_format format;
        assert_true(ingest_format_parse(rows[i].type, &format, &problem));
        assert_int_equal(format, rows[i].format);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct ingest_problem problem = {0};
        enum ingest_format format;
        assert_false(ingest_format_parse(refused[i], &format, &problem));
        assert_int_equal(problem.status, 415);
    }
}

static void test_base64_is_strict(void **state)
{
    static const struct {
        const char *text, *data;
    } good[] = {{"", ""},        {"Zg==", "f"},        {"Zm8=", "fo"},
                {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"+/+/", "\xfb\xff\xbf"}};
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",  "Zg===", "====",     "Z===", "Zm9v\n",    " Zm9",
        "Zm9-", "Zm9_", "Zh==", "Zm9=",  "Zg==Zg==", "Zm=v", "\xc3\xa9zz"};
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        buf_clear(&out);
        assert_true(base64_decode(bytes_of_string(good[i].text), &out));
        assert_string_equal(buf_string(&out), good[i].data);
    }
    buf_clear(&out);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(base64_decode(bytes_of_string(bad[i]), &out));
        assert_int_equal(out.size, 0);
    }
    buf_free(&out);
}

static void test_numbers_are_whole_and_within_bounds(void **state)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "1e3", "101", "9999999999999999999", "0x1"};
    int64_t number;
    (void)state;
    assert_true(ingest_number_parse("100", 100, &number));
    assert_int_equal(number, 100);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ingest_number_parse(bad[i], 100, &number));
}

static void test_first_problem_stays_and_every_error_of_the_spool_has_an_answer(void **state)
{
    struct buf text = {0};
    (void)state;
    struct ingest_problem problem = {0};
    ingest_problem_set(&problem, 422, 42206, "first \"quoted\" \xff");
    ingest_problem_of_err(&problem, ERR_FULL, NULL);
    assert_int_equal(problem.status, 422);
    assert_int_equal(problem.retry_after_s, 0);
    ingest_problem_render(&problem, &text);
    assert_string_equal(buf_string(&text),
                        "{\"error_code\":42206,\"message\":\"first \\\"quoted\\\" ?\"}");
    for (enum err err = ERR_END; err < ERR_COUNT; err++) {
        problem = (struct ingest_problem){0};
        ingest_problem_of_err(&problem, err, "here");
        assert_in_range(problem.status, 400, 599);
        assert_true(problem.message[0] != '\0');
        assert_int_equal(problem.status == 503, problem.retry_after_s > 0);
    }
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_name_topic_and_partition),
        cmocka_unit_test(test_other_paths_are_refused),
        cmocka_unit_test(test_content_types_choose_the_format),
        cmocka_unit_test(test_base64_is_strict),
        cmocka_unit_test(test_numbers_are_whole_and_within_bounds),
        cmocka_unit_test(test_first_problem_stays_and_every_error_of_the_spool_has_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
