/* SPDX-License-Identifier: MIT
 * test_agent_golden.c - spools of every released version of the format are still read, and written
 * on; a newer one is refused. Runs in the root of the tree. tests/golden/make.py makes them. */
#include "agent/offline/spool.h"

#include "base/random.h"
#include "spool/spool_inspect.h"
#include "spool/format/records.h"
#include "tests/support/spool_fixture.h"
#include "tests/support/tsan_threads.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* What each holds; v<version>.jsonl has the events that are in its segments. */
static const struct golden {
    int version;
    const char *uuid;
    uint64_t delivered, pending; /* pending: all that is in its segments */
} golden[] = {
    {1, "cf4e6b38-7f7f-4a70-9e71-a79044db801b", 6, 12},
};
enum { GOLDEN_COUNT = sizeof golden / sizeof golden[0] };

static struct spool_fixture f;

/* Into the fixture's directory; it stays closed. */
static void unpack(const struct golden *g)
{
    char command[1024];
    spool_fixture_init(&f);
    f.options.create = false;
    snprintf(command, sizeof command,
             "tar -xzf tests/golden/v%d.tar.gz --strip-components=1 -C '%s'", g->version, f.dir);
    assert_int_equal(system(command), 0);
}

static void read_file(const char *path, struct buf *out)
{
    char bytes[65536];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    for (size_t size; (size = fread(bytes, 1, sizeof bytes, file)) > 0;)
        assert_true(buf_append(out, bytes, size));
    fclose(file);
}

static void read_expected(const struct golden *g, struct buf *out)
{
    char path[64];
    snprintf(path, sizeof path, "tests/golden/v%d.jsonl", g->version);
    read_file(path, out);
}

static bool put_chunk(void *arg, const struct spool_chunk *chunk)
{
    struct spool_event event;
    for (size_t at = 0; spool_chunk_next(chunk, &at, &event);)
        agent_spool_event_json(&event, arg);
    return true;
}

static void test_the_present_version_has_one(void **state)
{
    (void)state;
    assert_int_equal(golden[GOLDEN_COUNT - 1].version, SPOOL_FORMAT_VERSION);
}

static void test_looking_into_them_finds_every_event(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct buf expected = {0}, found = {0};
        struct spool_inspect inspect;
        struct errmsg msg = {""};
        unpack(&golden[i]);
        read_expected(&golden[i], &expected);
        assert_int_equal(spool_inspect_open(f.dir, &inspect, &msg), ERR_OK);
        assert_true(inspect.has_identity && inspect.has_cursors);
        for (size_t k = 0; k < inspect.segment_count; k++) {
            struct spool_findings findings;
            assert_int_equal(spool_inspect_read(&inspect, &inspect.segments[k], put_chunk, &found,
                                                &findings, &msg),
                             ERR_OK);
            spool_inspect_findings_free(&findings);
        }
        assert_string_equal(buf_string(&found), buf_string(&expected));
        spool_inspect_close(&inspect);
        buf_free(&found);
        buf_free(&expected);
        spool_fixture_done(&f);
    }
}

/* Everything that an open spool hands to its bridge, from its cursor on. */
static void read_tail(struct buf *out)
{
    struct spool_tail *tail = NULL;
    struct spool_chunk *chunk = NULL;
    assert_int_equal(spool_tail_open(f.spool, spool_cursor_at_open(f.spool)->done_id, &tail),
                     ERR_OK);
    for (enum err rc; (rc = spool_tail_next(tail, &chunk, NULL)) != ERR_END;) {
        assert_int_equal(rc, ERR_OK);
        put_chunk(out, chunk);
        spool_chunk_unref(chunk);
    }
    spool_tail_close(tail);
}

static struct spool_stats counted(void)
{
    struct spool_stats stats;
    SPOOL_FIXTURE_WAIT((spool_stats_get(f.spool, &stats), !stats.counting));
    return stats;
}

static void assert_books(const struct golden *g, uint64_t more)
{
    struct spool_stats stats = counted();
    assert_int_equal(stats.books.accepted, g->delivered + g->pending + more);
    assert_int_equal(stats.books.delivered, g->delivered);
    assert_int_equal(stats.books.pending, g->pending + more);
    assert_int_equal(stats.books.lost, 0);
    assert_int_equal(stats.damaged_segments, 0);
}

static void test_they_are_opened_read_and_written_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct buf expected = {0}, found = {0};
        unpack(&golden[i]);
        read_expected(&golden[i], &expected);
        spool_fixture_open(&f);
        char uuid[UUID_TEXT_SIZE];
        uuid_format(spool_uuid(f.spool), uuid);
        assert_string_equal(uuid, golden[i].uuid);
        read_tail(&found);
        assert_string_equal(buf_string(&found), buf_string(&expected));
        assert_books(&golden[i], 0);

        struct spool_receipt receipt = spool_fixture_append(&f, "orders", "new-", 3);
        assert_int_equal(receipt.err, ERR_OK);
        spool_fixture_close(&f);
        spool_fixture_open(&f);
        buf_clear(&found);
        read_tail(&found);
        assert_memory_equal(buf_string(&found), buf_string(&expected),
                            expected.size); /* the new ones come after them */
        assert_non_null(strstr(buf_string(&found) + expected.size, "\"value\":\"new-2\""));
        assert_books(&golden[i], 3);
        buf_free(&found);
        buf_free(&expected);
        spool_fixture_done(&f);
    }
}

static void test_with_a_new_id_they_are_read_as_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct buf expected = {0}, found = {0};
        struct spool_renewed renewed;
        struct errmsg msg = {""};
        char uuid[UUID_TEXT_SIZE];
        unpack(&golden[i]);
        read_expected(&golden[i], &expected);
        assert_int_equal(spool_renew(&f.options, &renewed, &msg), ERR_OK);
        uuid_format(renewed.old_uuid, uuid);
        assert_string_equal(uuid, golden[i].uuid);
        spool_fixture_open(&f);
        assert_memory_equal(spool_uuid(f.spool), renewed.new_uuid, sizeof renewed.new_uuid);
        read_tail(&found);
        assert_string_equal(buf_string(&found), buf_string(&expected));
        assert_books(&golden[i], 0);
        buf_free(&found);
        buf_free(&expected);
        spool_fixture_done(&f);
    }
}

/* As a newer Penstock would write it: its version, and what follows may be anything. */
static void make_newer(struct buf *ret_identity)
{
    char path[300];
    struct buf text = {0};
    snprintf(path, sizeof path, "%s/PENSTOCK", f.dir);
    read_file(path, &text);
    const char *rest = strchr(buf_string(&text), '\n');
    assert_non_null(rest);
    buf_printf(ret_identity, "penstock-spool: %d%s", SPOOL_FORMAT_VERSION + 1, rest);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(buf_string(ret_identity), file) >= 0 && fclose(file) == 0);
    buf_free(&text);
}

static void test_a_newer_one_is_refused_and_stays_as_it_is(void **state)
{
    (void)state;
    struct buf identity = {0}, after = {0};
    struct errmsg msg = {""};
    struct spool *spool = NULL;
    char path[300], newer[32], own[32];
    unpack(&golden[GOLDEN_COUNT - 1]);
    make_newer(&identity);
    for (int create = 0; create < 2; create++) {
        f.options.create = create != 0;
        assert_int_equal(spool_open(&f.options, NULL, NULL, &spool, &msg), ERR_VERSION);
        snprintf(newer, sizeof newer, "format %d", SPOOL_FORMAT_VERSION + 1);
        snprintf(own, sizeof own, "knows %d", SPOOL_FORMAT_VERSION);
        assert_non_null(strstr(msg.text, newer));
        assert_non_null(strstr(msg.text, own));
    }
    snprintf(path, sizeof path, "%s/PENSTOCK", f.dir);
    read_file(path, &after);
    assert_string_equal(buf_string(&after), buf_string(&identity));
    buf_free(&identity);
    buf_free(&after);
    spool_fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_present_version_has_one),
        cmocka_unit_test(test_looking_into_them_finds_every_event),
        cmocka_unit_test(test_they_are_opened_read_and_written_on),
        cmocka_unit_test(test_with_a_new_id_they_are_read_as_before),
        cmocka_unit_test(test_a_newer_one_is_refused_and_stays_as_it_is),
    };
    return tsan_threads_linked ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
