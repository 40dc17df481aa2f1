/* SPDX-License-Identifier: MIT
 * test_ingest_v2.c - v2 bodies: what is kept, what is refused, and every byte of a good body
 * changed to every kind of bad. */
#include "ingest/parse/json.h"
#include "ingest/parse/v2.h"
#include "tests/ingest/parser_fixture.h"

static bool parse_bytes(struct parser_fixture *f, enum ingest_format format, const char *body,
                        size_t size, size_t step)
{
    parser_begin(f);
    struct ingest_v2 *v2 = ingest_v2_new(format, &f->sink);
    bool ok = true;
    for (size_t at = 0; ok && at < size; at += step)
        ok = ingest_v2_feed(v2, bytes_of(body + at, step < size - at ? step : size - at),
                            &f->problem);
    ok = ok && ingest_v2_end(v2, &f->problem);
    ingest_v2_free(v2);
    return ok;
}

static bool parse(struct parser_fixture *f, enum ingest_format format, const char *body)
{
    return parse_bytes(f, format, body, strlen(body), strlen(body));
}

static void check_value(struct parser_fixture *f, const char *value, const char *kept)
{
    char body[600], expected[600];
    int size =
        snprintf(body, sizeof body, "{\"records\":[{\"key\":%s,\"value\":%s}]}", value, value);
    snprintf(expected, sizeof expected, "%s=%s;", kept, kept);
    for (size_t step = 1; step <= (size_t)size; step++) {
        if (!parse_bytes(f, INGEST_JSON_V2, body, (size_t)size, step))
            fail_msg("%s: %s", body, f->problem.message);
        assert_string_equal(buf_string(&f->text), expected);
    }
}

static void test_json_values_are_kept_as_compact_text_whatever_the_pieces(void **state)
{
    static const struct {
        const char *value, *kept;
    } rows[] = {
        {"null", "~"},
        {"true", "true"},
        {"false", "false"},
        {"0", "0"},
        {"-0.0", "-0.0"},
        {"1e400", "1e400"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"},
        {"\"\"", "\"\""},
        {"\"a b\"", "\"a b\""},
        {"\"\\u0000\\u001f\\u007f\"", "\"\\u0000\\u001F\x7f\""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u00e9 \xc3\xa9 \\u20AC \\uD83D\\uDE00\"",
         "\"\xc3\xa9 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"\"\\ud83d\\u0041\\ude00\"", "\"\\uD83DA\\uDE00\""},
        {"[ ]", "[]"},
        {"{ }", "{}"},
        {"[ 1 ,\t[ 2 ] , { \"a\" : [ null , true ] , \"a\" : \"x , : y\" } ]",
         "[1,[2],{\"a\":[null,true],\"a\":\"x , : y\"}]"},
        {"{\"records\":[{\"value\":1}]}", "{\"records\":[{\"value\":1}]}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_value(*state, rows[i].value, rows[i].kept);
}

static void test_binary_values_are_decoded(void **state)
{
    struct parser_fixture *f = *state;
    assert_true(parse(f, INGEST_BINARY_V2,
                      "{\"records\":[{\"key\":\"a2V5\",\"value\":null},{\"value\":\"\"},{\"value\":"
                      "\"dg\\u003d\\u003D\"}]}"));
    assert_string_equal(buf_string(&f->text), "key=~;~=;~=v;");
}

static void test_other_members_of_the_body_are_passed_over(void **state)
{
    struct parser_fixture *f = *state;
    assert_true(parse(f, INGEST_JSON_V2,
                      "{\"key_schema_id\":null,\"x\":{\"records\":[1,{}]},\"records\":[{\"value\":"
                      "1}],\"y\":[[]]}"));
    assert_string_equal(buf_string(&f->text), "~=1;");
}

static void test_text_that_is_not_utf8_is_refused(void **state)
{
    static const char *const bad[] = {
        "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
        "\xc3",     "\x80",         "\xff"};
    char body[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(body, sizeof body, "{\"records\":[{\"value\":{\"k%s\":1}}]}", bad[i]);
        assert_false(parse(*state, INGEST_JSON_V2, body));
        snprintf(body, sizeof body, "{\"records\":[{\"headers\":[{\"key\":\"%s\"}]}]}", bad[i]);
        assert_false(parse(*state, INGEST_JSON_V2, body));
    }
    assert_false(
        parse(*state, INGEST_JSON_V2, "{\"records\":[{\"headers\":[{\"key\":\"\\ud800\"}]}]}"));
}

static void test_depth_is_bounded(void **state)
{
    struct buf body = {0};
    int most = INGEST_JSON_DEPTH_MAX - 3; /* the body, the array and the record are around it */
    for (int depth = most; depth <= most + 1; depth++) {
        buf_clear(&body);
        buf_append_string(&body, "{\"records\":[{\"value\":");
        for (int i = 0; i < depth; i++)
            buf_append_char(&body, '[');
        for (int i = 0; i < depth; i++)
            buf_append_char(&body, ']');
        buf_append_string(&body, "}]}");
        assert_int_equal(parse(*state, INGEST_JSON_V2, buf_string(&body)), depth == most);
    }
    buf_free(&body);
}

static void test_refused_record_is_named_by_its_number(void **state)
{
    struct parser_fixture *f = *state;
    f->refuse_with = ERR_TOO_LARGE;
    f->refuse_at = 2;
    assert_false(parse(f, INGEST_JSON_V2, "{\"records\":[{},{},{},{}]}"));
    assert_int_equal(f->problem.status, 413);
    assert_non_null(strstr(f->problem.message, "record 2"));
}

/* Whatever byte is wrong, wherever: accepted or refused with a reason, and never a crash. */
static void mutate(struct parser_fixture *f, enum ingest_format format, const char *good)
{
    static const char bytes[] = "\0\"\\{}[],:0-eEtfn =\x80\xff\n";
    size_t size = strlen(good), refused = 0;
    char *body = strdup(good);
    assert_true(parse(f, format, good));
    for (size_t at = 0; at < size; at++) {
        assert_false(parse_bytes(f, format, good, at, at + 1)); /* cut off */
        assert_int_equal(f->problem.status, 422);
        for (size_t i = 0; i < sizeof bytes - 1; i++) {
            body[at] = bytes[i];
            bool ok = parse_bytes(f, format, body, size, 1 + at % 5);
            assert_int_equal(f->problem.status, ok ? 0 : 422);
            assert_true(ok || f->problem.message[0] != '\0');
            refused += !ok;
        }
        body[at] = good[at];
    }
    assert_true(refused > size * 10);
    free(body);
}

static void test_every_byte_changed_is_accepted_or_refused_but_never_a_crash(void **state)
{
    mutate(*state, INGEST_JSON_V2,
           "{\"a\":[1,{}],\"records\":[{\"key\":\"\\u00e9\",\"value\":{\"n\":-1.5e+3,\"b\":[true,"
           "null]},"
           "\"partition\":1,"
           "\"timestamp\":12,\"headers\":[{\"key\":\"h\",\"value\":\"aGk=\"}]},{}]}");
    mutate(*state, INGEST_BINARY_V2,
           "{\"records\":[{\"key\":\"a2V5\",\"value\":\"dmFsdWU=\"},{\"value\":null}]}");
}

static void test_answer_repeats_partitions_that_were_asked_for(void **state)
{
    struct parser_fixture *f = *state;
    struct buf answer = {0};
    parser_begin(f);
    struct ingest_v2 *v2 = ingest_v2_new(INGEST_JSON_V2, &f->sink);
    assert_true(ingest_v2_feed(
        v2, bytes_of_string("{\"records\":[{},{\"partition\":2147483647},{}]}"), &f->problem));
    assert_true(ingest_v2_end(v2, &f->problem));
    ingest_v2_render(v2, &answer);
    assert_string_equal(
        buf_string(&answer),
        "{\"offsets\":[{\"partition\":null,\"offset\":null,\"error_code\":null,\"error\":null},"
        "{\"partition\":2147483647,\"offset\":null,\"error_code\":null,\"error\":null},"
        "{\"partition\":null,\"offset\":null,\"error_code\":null,\"error\":null}],"
        "\"key_schema_id\":null,\"value_schema_id\":null}");
    assert_true(answer.size <= ingest_v2_render_size(3));
    buf_free(&answer);
    ingest_v2_free(v2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PARSER_TEST(test_json_values_are_kept_as_compact_text_whatever_the_pieces),
        PARSER_TEST(test_binary_values_are_decoded),
        PARSER_TEST(test_other_members_of_the_body_are_passed_over),
        PARSER_TEST(test_text_that_is_not_utf8_is_refused),
        PARSER_TEST(test_depth_is_bounded),
        PARSER_TEST(test_refused_record_is_named_by_its_number),
        PARSER_TEST(test_every_byte_changed_is_accepted_or_refused_but_never_a_crash),
        PARSER_TEST(test_answer_repeats_partitions_that_were_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
