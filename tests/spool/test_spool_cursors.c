/* SPDX-License-Identifier: MIT
 * test_spool_cursors.c - the cursors file and the identity: what was written comes back, what is damaged never does. */
#include "spool/spool_cursors.h"

#include "base/random.h"
#include "spool/spool_identity.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static const uint8_t uuid[16] = "0123456789abcde";
static char dir[64];
static int root = -1;

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/penstock-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    root = open(dir, O_RDONLY | O_DIRECTORY);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[100];
    close(root);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static struct spool_cursors *open_cursors(struct spool_cursor_state *state, bool *found)
{
    struct spool_cursors *cursors = NULL;
    struct errmsg msg = {""};
    assert_int_equal(spool_cursors_open(root, uuid, 5, &cursors, state, found, &msg), ERR_OK);
    return cursors;
}

static void write_done(struct spool_cursors *cursors, uint64_t done_id)
{
    char stuck[] = "stuck", orders[] = "orders";
    struct spool_lane_cursor lane = {stuck, done_id - 1};
    struct spool_topic_totals totals = {orders, done_id, 2, 3};
    struct spool_cursor_state state = {.mode = SPOOL_AT_LEAST_ONCE, .segment_id_max = 9, .done_id = done_id, .lanes = &lane,
                                       .lane_count = 1, .topics = &totals, .topic_count = 1, .lost_unknown_topic = 4};
    assert_int_equal(spool_cursors_write(cursors, &state, NULL), ERR_OK);
}

static uint64_t done_after_reopen(bool *found)
{
    struct spool_cursor_state state = {0};
    spool_cursors_close(open_cursors(&state, found));
    uint64_t done_id = state.done_id;
    spool_cursor_state_free(&state);
    return done_id;
}

static void test_the_newest_state_comes_back_whole(void **unused)
{
    (void)unused;
    struct spool_cursor_state state = {0};
    bool found = true;
    struct spool_cursors *cursors = open_cursors(&state, &found);
    assert_false(found);
    for (uint64_t i = 1; i <= 5; i++)
        write_done(cursors, 100 + i);
    spool_cursors_close(cursors);
    cursors = open_cursors(&state, &found);
    assert_true(found);
    assert_int_equal(state.done_id, 105);
    assert_int_equal(state.segment_id_max, 9);
    assert_int_equal(state.lost_unknown_topic, 4);
    assert_int_equal(state.lane_count, 1);
    assert_string_equal(state.lanes[0].topic, "stuck");
    assert_int_equal(state.lanes[0].done_id, 104);
    assert_string_equal(state.topics[0].topic, "orders");
    assert_int_equal(state.topics[0].delivered, 105);
    spool_cursor_state_free(&state);
    spool_cursors_close(cursors);
}

/* A write that tore leaves the state before it; whichever byte is wrong. */
static void test_a_damaged_newest_slot_gives_the_state_before(void **unused)
{
    (void)unused;
    struct spool_cursor_state state = {0};
    bool found;
    struct spool_cursors *cursors = open_cursors(&state, &found);
    write_done(cursors, 11);
    write_done(cursors, 12);
    spool_cursors_close(cursors);
    int fd = openat(root, "cursors", O_RDWR);
    uint8_t used[120], both[2][120];
    pread(fd, both[0], sizeof used, 0);
    pread(fd, both[1], sizeof used, SPOOL_CURSORS_SLOT_SIZE);
    int newest = both[0][32] > both[1][32] ? 0 : 1; /* the sequence's low byte */
    off_t offset = newest * (off_t)SPOOL_CURSORS_SLOT_SIZE;
    size_t size = 44u + both[newest][40];
    assert_true(size < sizeof used);
    for (size_t i = 0; i < size; i++) {
        memcpy(used, both[newest], sizeof used);
        used[i] ^= 0x10;
        pwrite(fd, used, sizeof used, offset);
        assert_int_equal(done_after_reopen(&found), 11);
        assert_true(found);
    }
    pwrite(fd, both[newest], sizeof used, offset);
    assert_int_equal(done_after_reopen(&found), 12);
    close(fd);
}

static void test_a_file_without_an_intact_slot_is_put_aside(void **unused)
{
    (void)unused;
    bool found;
    int fd = openat(root, "cursors", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "garbage", 7), 7);
    close(fd);
    assert_int_equal(done_after_reopen(&found), 0);
    assert_false(found);
    assert_int_equal(faccessat(root, "cursors.damaged-1", F_OK, 0), 0);
}

static void test_another_spools_cursors_are_not_taken(void **unused)
{
    (void)unused;
    struct spool_cursor_state state = {0};
    bool found;
    struct spool_cursors *cursors = open_cursors(&state, &found);
    write_done(cursors, 50);
    spool_cursors_close(cursors);
    static const uint8_t other[16] = "another spool's";
    assert_int_equal(spool_cursors_open(root, other, 5, &cursors, &state, &found, NULL), ERR_OK);
    assert_false(found);
    spool_cursors_close(cursors);
}

static void test_a_thousand_topics_with_the_longest_names_fit(void **unused)
{
    (void)unused;
    struct spool_topic_totals *topics = calloc(1000, sizeof *topics);
    for (int i = 0; i < 1000; i++) {
        topics[i] = (struct spool_topic_totals){malloc(250), UINT64_MAX, UINT64_MAX, UINT64_MAX};
        memset(topics[i].topic, 'x', 249);
        topics[i].topic[249] = '\0';
    }
    struct spool_cursor_state state = {.mode = SPOOL_AT_LEAST_ONCE, .topics = topics, .topic_count = 1000}, read = {0};
    bool found;
    struct spool_cursors *cursors = open_cursors(&read, &found);
    assert_int_equal(spool_cursors_write(cursors, &state, NULL), ERR_OK);
    spool_cursors_close(cursors);
    cursors = open_cursors(&read, &found);
    assert_int_equal(read.topic_count, 1000);
    spool_cursors_close(cursors);
    spool_cursor_state_free(&read);
    for (int i = 0; i < 1000; i++)
        free(topics[i].topic);
    free(topics);
}

static void test_the_identity_is_made_once_and_comes_back(void **unused)
{
    (void)unused;
    struct spool_identity made, read;
    struct errmsg msg;
    assert_int_equal(spool_identity_read(root, &read, &msg), ERR_NOT_FOUND);
    assert_int_equal(spool_identity_create(root, &made, &msg), ERR_OK);
    assert_int_equal(spool_identity_read(root, &read, &msg), ERR_OK);
    assert_memory_equal(made.uuid, read.uuid, 16);
    assert_int_equal(made.seed, read.seed);
    assert_int_equal(spool_identity_create(root, &made, &msg), ERR_INVALID);
}

static void test_no_damaged_identity_passes_and_a_newer_one_is_named(void **unused)
{
    (void)unused;
    struct spool_identity identity;
    struct errmsg msg;
    assert_int_equal(spool_identity_create(root, &identity, &msg), ERR_OK);
    int fd = openat(root, "PENSTOCK", O_RDWR);
    char text[400];
    ssize_t size = pread(fd, text, sizeof text, 0);
    for (ssize_t i = 0; i < size - 1; i++) {
        char changed = text[i] == '9' ? '8' : '9';
        pwrite(fd, &changed, 1, i);
        assert_int_not_equal(spool_identity_read(root, &identity, &msg), ERR_OK);
        pwrite(fd, &text[i], 1, i);
    }
    assert_int_equal(spool_identity_read(root, &identity, &msg), ERR_OK);
    pwrite(fd, "penstock-spool: 7", 17, 0);
    assert_int_equal(spool_identity_read(root, &identity, &msg), ERR_VERSION);
    close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_the_newest_state_comes_back_whole),
        CASE(test_a_damaged_newest_slot_gives_the_state_before),
        CASE(test_a_file_without_an_intact_slot_is_put_aside),
        CASE(test_another_spools_cursors_are_not_taken),
        CASE(test_a_thousand_topics_with_the_longest_names_fit),
        CASE(test_the_identity_is_made_once_and_comes_back),
        CASE(test_no_damaged_identity_passes_and_a_newer_one_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
