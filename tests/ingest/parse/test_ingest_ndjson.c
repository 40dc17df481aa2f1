/* SPDX-License-Identifier: MIT
 * test_ingest_ndjson.c - lines to events, in pieces of every size. */
#include "ingest/parse/ndjson.h"
#include "tests/ingest/parser_fixture.h"

static bool parse(struct parser_fixture *f, const char *body, size_t step)
{
    struct ingest_ndjson lines = {0};
    size_t size = strlen(body);
    bool ok = true;
    parser_begin(f);
    for (size_t at = 0; ok && at < size; at += step)
        ok = ingest_ndjson_feed(&lines, bytes_of(body + at, step < size - at ? step : size - at),
                                &f->sink, &f->problem);
    ok = ok && ingest_ndjson_end(&lines, &f->sink, &f->problem);
    ingest_ndjson_done(&lines);
    return ok;
}

static void test_lines_come_out_the_same_whatever_the_pieces(void **state)
{
    struct parser_fixture *f = *state;
    static const struct {
        const char *body, *events;
    } rows[] = {
        {"a\nb\n", "~=a;~=b;"},
        {"a\nb", "~=a;~=b;"},
        {"a\r\nb\r\n", "~=a;~=b;"},
        {"\n\na\n\n\nb\n\n", "~=a;~=b;"},
        {"\r\n\r\na\n", "~=a;"},
        {"a\rb\n", "~=a\rb;"},
        {" \n", "~= ;"},
        {"a\r\r\n", "~=a\r;"},
        {"{\"not\": json\n", "~={\"not\": json;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t step = 1; step <= strlen(rows[i].body); step++) {
            assert_true(parse(f, rows[i].body, step));
            assert_string_equal(buf_string(&f->text), rows[i].events);
        }
}

static void test_body_without_a_line_is_refused(void **state)
{
    struct parser_fixture *f = *state;
    static const char *const bodies[] = {"", "\n", "\r\n\n"};
    for (size_t i = 0; i < 3; i++) {
        assert_false(parse(f, bodies[i], 1));
        assert_int_equal(f->problem.status, 422);
    }
}

static void test_refused_line_is_named_by_its_number_empty_ones_counted(void **state)
{
    struct parser_fixture *f = *state;
    f->refuse_with = ERR_TOO_LARGE;
    f->refuse_at = 1;
    assert_false(parse(f, "a\n\nb\nc\n", 3));
    assert_int_equal(f->problem.status, 413);
    assert_non_null(strstr(f->problem.message, "line 3"));
    assert_int_equal(f->sink.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PARSER_TEST(test_lines_come_out_the_same_whatever_the_pieces),
        PARSER_TEST(test_body_without_a_line_is_refused),
        PARSER_TEST(test_refused_line_is_named_by_its_number_empty_ones_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
