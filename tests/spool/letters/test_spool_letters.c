/* SPDX-License-Identifier: MIT
 * test_spool_letters.c - dead letters: kept once, whole, across crashes and damage; taken away
 * without losing others. */
#include "spool/spool_letters.h"
#include "tests/support/spool_fixture.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { EVENTS = 20 };

static uint64_t ids[EVENTS];

static int set_up(void **state)
{
    static struct spool_fixture fixture;
    spool_fixture_init(&fixture);
    spool_fixture_open(&fixture);
    struct spool_receipt receipt = spool_fixture_append(&fixture, "t", "value ", EVENTS);
    for (uint32_t i = 0; i < EVENTS; i++)
        ids[i] = receipt.first_id + i;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    spool_fixture_done(*state);
    return 0;
}

/* Puts the events first..last of the fixture there, read from the spool as the bridge does. */
static enum err put_some(struct spool_fixture *f, uint32_t first, uint32_t last)
{
    const struct spool_letter_reason reason = {.error = "INVALID_RECORD",
                                               .text = "it said \"no\" \\ and\nnothing else",
                                               .time_ms = 1700000000000};
    struct spool_tail *tail;
    struct spool_chunk *chunk;
    enum err rc = ERR_OK;
    assert_int_equal(spool_tail_open(f->spool, 0, &tail), ERR_OK);
    while (rc == ERR_OK && spool_tail_next(tail, &chunk, NULL) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; rc == ERR_OK && spool_chunk_next(chunk, &at, &event);)
            if (event.id >= ids[first] && event.id <= ids[last])
                rc = spool_letters_put(f->spool, &event, &reason, NULL);
        spool_chunk_unref(chunk);
    }
    spool_tail_close(tail);
    return rc;
}

struct found {
    uint64_t ids[EVENTS];
    size_t count;
};

static bool note(void *arg, const struct spool_letter *letter)
{
    struct found *found = arg;
    char value[32];
    assert_true(found->count < EVENTS);
    snprintf(value, sizeof value, "value %u", spool_id_index(letter->id));
    assert_true(bytes_equal(letter->event.value, bytes_of_string(value)));
    assert_true(bytes_equal(letter->event.topic, bytes_of_string("t")));
    assert_string_equal(letter->reason.error, "INVALID_RECORD");
    assert_string_equal(letter->reason.text, "it said \"no\" \\ and nothing else");
    assert_int_equal(letter->reason.time_ms, 1700000000000);
    found->ids[found->count++] = letter->id;
    return true;
}

static void check_there(struct spool_fixture *f, uint32_t first, uint32_t last)
{
    struct found found = {.count = 0};
    struct errmsg msg = {""};
    assert_int_equal(spool_letters_read_path(f->dir, note, &found, &msg), ERR_OK);
    assert_int_equal(found.count, last - first + 1);
    for (size_t i = 0; i < found.count; i++)
        assert_int_equal(found.ids[i], ids[first + i]);
}

static uint64_t count_of(struct spool_fixture *f)
{
    struct spool_stats stats;
    spool_stats_get(f->spool, &stats);
    return stats.dead_letters;
}

static uint64_t bytes_kept(struct spool_fixture *f)
{
    struct spool_stats stats;
    spool_stats_get(f->spool, &stats);
    return stats.dead_letter_bytes;
}

static void test_each_is_kept_once_and_whole(void **state)
{
    struct spool_fixture *f = *state;
    assert_int_equal(spool_letters_load(f->spool, NULL), ERR_OK);
    assert_false(spool_letters_have(f->spool, ids[3]));
    assert_int_equal(put_some(f, 3, 5), ERR_OK);
    uint64_t bytes_of_three = bytes_kept(f);
    assert_int_equal(put_some(f, 3, 7), ERR_OK); /* the first three again */
    assert_int_equal(bytes_kept(f) * 3, bytes_of_three * 5);
    assert_true(spool_letters_have(f->spool, ids[3]) && spool_letters_have(f->spool, ids[7]) &&
                !spool_letters_have(f->spool, ids[8]));
    assert_int_equal(count_of(f), 5);
    check_there(f, 3, 7);
    spool_fixture_close(f);
    spool_fixture_open(f);
    assert_false(spool_letters_have(f->spool, ids[3])); /* nothing old is read at the start */
    assert_int_equal(spool_letters_load(f->spool, NULL), ERR_OK);
    assert_true(spool_letters_have(f->spool, ids[3]));
    assert_int_equal(put_some(f, 5, 9), ERR_OK);
    check_there(f, 3, 9);
}

static void test_taking_some_away_keeps_the_others(void **state)
{
    struct spool_fixture *f = *state;
    size_t removed = 0;
    assert_int_equal(put_some(f, 0, 9), ERR_OK);
    const uint64_t gone[] = {ids[0], ids[1], ids[15]}; /* the last isn't one */
    assert_int_equal(spool_letters_remove(f->spool, gone, 3, &removed, NULL), ERR_OK);
    assert_int_equal(removed, 2);
    check_there(f, 2, 9);
    assert_int_equal(put_some(f, 10, 11), ERR_OK);
    check_there(f, 2, 11);
    assert_int_equal(spool_letters_remove(f->spool, ids, EVENTS, &removed, NULL), ERR_OK);
    assert_int_equal(removed, 10);
    assert_int_equal(count_of(f), 0);
    struct found found = {.count = 0};
    assert_int_equal(spool_letters_read_path(f->dir, note, &found, NULL), ERR_OK);
    assert_int_equal(found.count, 0);
}

static void test_a_full_store_takes_nothing(void **state)
{
    struct spool_fixture *f = *state;
    struct spool_options limits = f->options;
    struct spool_stats stats;
    limits.letters_bytes_max = 150;
    spool_set_limits(f->spool, &limits);
    assert_int_equal(put_some(f, 0, 9), ERR_FULL);
    spool_stats_get(f->spool, &stats);
    assert_true(stats.dead_letters_full && stats.dead_letters > 0 && stats.dead_letters < 9 &&
                stats.dead_letter_bytes <= 150);
    check_there(f, 0, (uint32_t)stats.dead_letters - 1);
    limits.letters_bytes_max = 1 << 20;
    spool_set_limits(f->spool, &limits);
    assert_int_equal(put_some(f, 0, 9), ERR_OK);
    check_there(f, 0, 9);
    spool_set_limits(f->spool, &f->options);
}

/* A crash while letters were taken away: what was written anew lies beside the old. */
static void test_what_lies_there_twice_counts_once(void **state)
{
    struct spool_fixture *f = *state;
    char command[800];
    assert_int_equal(put_some(f, 0, 4), ERR_OK);
    snprintf(command, sizeof command, "cd '%s/dead-letter' && mkdir ../saved && cp -r * ../saved/",
             f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(spool_letters_remove(f->spool, ids, 2, NULL, NULL), ERR_OK);
    spool_fixture_close(f);
    snprintf(command, sizeof command, "cd '%s' && cp -r saved/* dead-letter/ && rm -r saved",
             f->dir);
    assert_int_equal(system(command), 0);

    struct found found = {.count = 0};
    assert_int_equal(spool_letters_read_path(f->dir, note, &found, NULL), ERR_OK);
    assert_int_equal(found.count, 5); /* the removed ones show again, none twice */
    spool_fixture_open(f);
    assert_int_equal(spool_letters_load(f->spool, NULL), ERR_OK);
    assert_int_equal(count_of(f), 5);
}

/* The bytes of one are damaged: the others are there, and the store goes on. */
static void test_damage_costs_only_what_it_hits(void **state)
{
    struct spool_fixture *f = *state;
    char command[800];
    assert_int_equal(put_some(f, 0, 9), ERR_OK);
    spool_fixture_close(f);
    snprintf(command, sizeof command,
             "LC_ALL=C sed -i 's/value 4/valuE 4/' '%s'/dead-letter/*/*.log", f->dir);
    assert_int_equal(system(command), 0);
    struct found found = {.count = 0};
    assert_int_equal(spool_letters_read_path(f->dir, note, &found, NULL), ERR_OK);
    assert_int_equal(found.count, 9);
    spool_fixture_open(f);
    assert_int_equal(put_some(f, 4, 4), ERR_OK);
    found.count = 0;
    assert_int_equal(spool_letters_read_path(f->dir, note, &found, NULL), ERR_OK);
    assert_int_equal(found.count, 10);
}

/* Requeuing does so: each letter becomes a new event before it is taken away. */
static bool append_letter(void *arg, const struct spool_letter *letter)
{
    struct spool_receipt receipt = spool_fixture_append(arg, "again", "value ", 1);
    assert_int_equal(receipt.err, ERR_OK);
    assert_true(receipt.first_id > letter->id);
    return true;
}

static void test_events_are_submitted_while_letters_are_read(void **state)
{
    struct spool_fixture *f = *state;
    assert_int_equal(spool_letters_load(f->spool, NULL), ERR_OK);
    assert_int_equal(put_some(f, 0, 2), ERR_OK);
    assert_int_equal(spool_letters_each(f->spool, append_letter, f, NULL), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_is_kept_once_and_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_taking_some_away_keeps_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_store_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_lies_there_twice_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_costs_only_what_it_hits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events_are_submitted_while_letters_are_read, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
