/* SPDX-License-Identifier: MIT
 * test_spool_reader_ldb.c - segments that somebody opened with LevelDB: their events lie in .ldb
 * files, and damage to those costs only what it hit. */
#include "tests/support/damage_check.h"

#include <dirent.h>
#include <leveldb/c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct segment_writer writer;
static char ldb_path[512]; /* the largest of its tables */
static uint8_t *table;
static size_t table_size;
static uint32_t *event_at; /* offset of each event's frame in it, or UINT32_MAX */

/* What opening it does: the log's content goes into tables, the log away. */
static void open_with_leveldb(void)
{
    char path[300], *error = NULL;
    snprintf(path, sizeof path, "%s/%s", writer.dir, SEGMENT_NAME);
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_compression(options, leveldb_no_compression);
    leveldb_options_set_write_buffer_size(options, 256 << 10);
    leveldb_t *db = leveldb_open(options, path, &error);
    assert_null(error);
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    leveldb_close(db);
    leveldb_options_destroy(options);
}

static void find_table(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", writer.dir, SEGMENT_NAME);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char file[512];
        size_t size;
        if (strstr(entry->d_name, ".ldb") == NULL)
            continue;
        snprintf(file, sizeof file, "%s/%.100s", path, entry->d_name);
        uint8_t *data = segment_read_file(file, &size);
        if (size > table_size) {
            free(table);
            table = data;
            table_size = size;
            memcpy(ldb_path, file, sizeof file);
        } else {
            free(data);
        }
    }
    closedir(dir);
}

static int make_tables(void **state)
{
    (void)state;
    segment_start(&writer, 21);
    segment_write_many(&writer, 400, 10, false, true);
    segment_end(&writer);
    open_with_leveldb();
    find_table();
    assert_true(table_size > 1 << 20);
    event_at = malloc(writer.event_count * sizeof *event_at);
    assert_non_null(event_at);
    uint32_t inside = 0;
    for (uint32_t i = 0; i < writer.event_count; i++) {
        const uint8_t *hit =
            memmem(table, table_size, writer.events[i].frame, writer.events[i].size);
        event_at[i] = hit == NULL ? UINT32_MAX : (uint32_t)(hit - table);
        inside += hit != NULL;
    }
    assert_true(inside > 1000);
    return 0;
}

static int remove_tables(void **state)
{
    (void)state;
    free(table);
    free(event_at);
    segment_remove(&writer);
    return 0;
}

/* Writes the damaged table and reads the segment: of the events in that table only those must be
 * gone whose bytes changed. */
static void check_table(const uint8_t *data, size_t size, const char *what)
{
    segment_write_file(ldb_path, data, size);
    struct spool_reader_options options = segment_options(&writer);
    struct spool_reader *reader = NULL;
    assert_int_equal(spool_reader_open(&options, &reader, NULL), ERR_OK);
    struct damage_seen seen = {.events = calloc(writer.event_count, 1), .ordered = true};
    assert_non_null(seen.events);
    damage_read(reader, &writer, SPOOL_READ_TO_END, &seen);
    uint32_t gone = 0;
    for (uint32_t i = 0; i < writer.event_count; i++) {
        bool intact =
            event_at[i] == UINT32_MAX ||
            (event_at[i] + writer.events[i].size <= size &&
             memcmp(data + event_at[i], writer.events[i].frame, writer.events[i].size) == 0);
        if (seen.events[i] != intact)
            fail_msg("%s: event %u was %s", what, i,
                     intact ? "lost, but is intact" : "delivered, but is damaged");
        gone += !intact;
    }
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_true(findings->damaged && findings->header_found);
    assert_int_equal(findings->event_count, writer.event_count - gone);
    if (findings->sealed)
        assert_int_equal(findings->lost.total, gone);
    assert_int_equal(seen.salvaged, seen.count);
    spool_reader_close(reader);
    free(seen.events);
    segment_write_file(ldb_path, table, table_size);
}

static void check_changed(size_t at, size_t size, int byte, const char *what)
{
    uint8_t *data = malloc(table_size);
    assert_non_null(data);
    memcpy(data, table, table_size);
    for (size_t i = at; i < at + size && i < table_size; i++)
        data[i] = byte >= 0 ? (uint8_t)byte : data[i] ^ 0x55;
    check_table(data, table_size, what);
    free(data);
}

static void test_tables_are_searched_for_every_event(void **state)
{
    (void)state;
    check_table(table, table_size, "undamaged");
}

static void test_a_flip_in_a_value_costs_that_event(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < writer.event_count; i += 97)
        if (event_at[i] != UINT32_MAX)
            check_changed(event_at[i] + writer.events[i].size / 2, 1, -1, "value");
}

static void test_damage_to_index_and_footer_costs_nothing(void **state)
{
    (void)state;
    check_changed(table_size - 8, 8, -1, "footer's magic");
    check_changed(table_size - 100, 100, 0, "last 100 bytes");
    check_changed(table_size - 600, 40, -1, "index block");
}

static void test_a_zeroed_page_or_a_cut_costs_what_it_hit(void **state)
{
    (void)state;
    for (size_t at = 0; at < table_size; at += 64 * 4096)
        check_changed(at, 4096, 0, "zeroed page");
    check_table(table, table_size / 2 + 77, "cut");
    check_table(table, 0, "empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_searched_for_every_event),
        cmocka_unit_test(test_a_flip_in_a_value_costs_that_event),
        cmocka_unit_test(test_damage_to_index_and_footer_costs_nothing),
        cmocka_unit_test(test_a_zeroed_page_or_a_cut_costs_what_it_hit),
    };
    return cmocka_run_group_tests(tests, make_tables, remove_tables);
}
