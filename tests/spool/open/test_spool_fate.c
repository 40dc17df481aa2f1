/* SPDX-License-Identifier: MIT
 * test_spool_fate.c - receipts: never "delivered" for what isn't; how far everything is done, by id
 * and by time. */
#include "spool/spool_event_status.h"
#include "spool/spool_letters.h"
#include "base/clock.h"
#include "spool/format/loss_report.h"
#include "tests/support/spool_fixture.h"
#include "spool/ledger/times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* As the agent does it: the bridge reads which dead letters there are. */
static void open_it(struct spool_fixture *f)
{
    spool_fixture_open(f);
    assert_int_equal(spool_letters_load(f->spool, NULL), ERR_OK);
}

static int set_up(void **state)
{
    static struct spool_fixture fixture;
    spool_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    spool_fixture_done(*state);
    return 0;
}

static enum spool_event_status fate_of(struct spool_fixture *f, uint64_t id, const char *topic)
{
    enum spool_event_status fate = SPOOL_EVENT_STATUS_UNKNOWN;
    struct errmsg msg = {""};
    assert_int_equal(spool_event_status_get(f->spool, id, bytes_of_string(topic), &fate, &msg),
                     ERR_OK);
    return fate;
}

static struct spool_done done_of(struct spool_fixture *f, const char *topic)
{
    struct spool_done done;
    spool_done_get(f->spool, bytes_of_string(topic), &done);
    return done;
}

static void advance(struct spool_fixture *f, uint64_t done_id, struct spool_lane_cursor *lane)
{
    assert_int_equal(
        spool_advance(f->spool, SPOOL_EXACTLY_ONCE, done_id, lane, lane != NULL, NULL, 0), ERR_OK);
}

static void test_cursor(void **state)
{
    struct spool_fixture *f = *state;
    open_it(f);
    struct spool_receipt r = spool_fixture_append(f, "door", "v", 10);
    assert_int_equal(fate_of(f, r.first_id, ""), SPOOL_EVENT_STATUS_ACCEPTED);
    assert_int_equal(fate_of(f, r.last_id + 1, ""), SPOOL_EVENT_STATUS_UNKNOWN);
    advance(f, r.first_id + 4, NULL);
    assert_int_equal(fate_of(f, r.first_id + 4, ""), SPOOL_EVENT_STATUS_DELIVERED);
    assert_int_equal(fate_of(f, r.first_id + 5, ""), SPOOL_EVENT_STATUS_ACCEPTED);
    advance(f, r.last_id, NULL);
    assert_int_equal(fate_of(f, r.last_id, ""), SPOOL_EVENT_STATUS_DELIVERED);
    assert_int_equal(fate_of(f, r.last_id + 1, ""), SPOOL_EVENT_STATUS_UNKNOWN);
    assert_int_equal(fate_of(f, 0, ""), SPOOL_EVENT_STATUS_UNKNOWN);
    assert_int_equal(fate_of(f, 7, ""), SPOOL_EVENT_STATUS_UNKNOWN);
    assert_int_equal(fate_of(f, INT64_MAX, ""), SPOOL_EVENT_STATUS_UNKNOWN);
}

/* A lane that is behind holds back the events of its topic; of which topic an event is, only the
 * client may know. */
static void test_lane_behind(void **state)
{
    struct spool_fixture *f = *state;
    open_it(f);
    struct spool_receipt slow = spool_fixture_append(f, "slow", "s", 2),
                         door = spool_fixture_append(f, "door", "d", 2);
    char name[] = "slow";
    struct spool_lane_cursor lane = {name, slow.first_id};
    advance(f, door.last_id, &lane);
    assert_int_equal(fate_of(f, slow.first_id, ""), SPOOL_EVENT_STATUS_DELIVERED);
    assert_int_equal(fate_of(f, slow.last_id, ""), SPOOL_EVENT_STATUS_ACCEPTED);
    assert_int_equal(fate_of(f, slow.last_id, "slow"), SPOOL_EVENT_STATUS_ACCEPTED);
    assert_int_equal(fate_of(f, door.last_id, ""), SPOOL_EVENT_STATUS_ACCEPTED);
    assert_int_equal(fate_of(f, door.last_id, "door"), SPOOL_EVENT_STATUS_DELIVERED);
    assert_int_equal(done_of(f, "").id, slow.first_id);
    assert_false(done_of(f, "").all);
    assert_int_equal(done_of(f, "slow").id, slow.first_id);
    assert_int_equal(done_of(f, "door").id, door.last_id);
    assert_true(done_of(f, "door").all);
    advance(f, door.last_id, NULL);
    assert_int_equal(fate_of(f, slow.last_id, ""), SPOOL_EVENT_STATUS_DELIVERED);
}

/* After a clean stop and start: what is retired counts as delivered, what is pending doesn't. */
static void test_next_run(void **state)
{
    struct spool_fixture *f = *state;
    open_it(f);
    struct spool_receipt r = spool_fixture_append(f, "door", "v", 10);
    advance(f, r.first_id + 4, NULL);
    spool_fixture_close(f);
    open_it(f);
    assert_int_equal(fate_of(f, r.first_id, ""), SPOOL_EVENT_STATUS_DELIVERED);
    assert_int_equal(fate_of(f, r.last_id, ""), SPOOL_EVENT_STATUS_ACCEPTED);
    assert_false(done_of(f, "").all);
    /* to its end: then it is known what there is */
    assert_int_equal(spool_fixture_read(f, 0).last_id, r.last_id);
    assert_int_equal(fate_of(f, r.last_id + 1, ""), SPOOL_EVENT_STATUS_UNKNOWN);
    advance(f, r.last_id, NULL);
    struct spool_stats stats;
    SPOOL_FIXTURE_WAIT((spool_stats_get(f->spool, &stats), stats.segment_count == 1)); /* retired */
    assert_int_equal(fate_of(f, r.last_id, ""), SPOOL_EVENT_STATUS_DELIVERED);
}

static void test_time(void **state)
{
    struct spool_fixture *f = *state;
    open_it(f);
    int64_t before_ms = clock_wall_ms();
    assert_true(done_of(f, "").all);
    struct spool_receipt one = spool_fixture_append(f, "door", "v", 1);
    assert_false(done_of(f, "").all);
    assert_true(done_of(f, "").time_ms <= clock_wall_ms());
    usleep(150000);
    int64_t between_ms = clock_wall_ms();
    struct spool_receipt two = spool_fixture_append(f, "door", "v", 1);
    advance(f, one.last_id, NULL);
    assert_true(done_of(f, "").time_ms >= between_ms); /* nothing was accepted between the two */
    assert_false(done_of(f, "").all);
    advance(f, two.last_id, NULL);
    assert_true(done_of(f, "").all);
    assert_true(done_of(f, "").time_ms >= before_ms);
}

static void test_times(void **state)
{
    (void)state;
    static struct spool_times times;
    assert_int_equal(spool_times_until(&times, 100), 0);
    for (uint64_t i = 0; i < 2000; i++)
        spool_times_note(&times, 1000 + i * 10, 1000000 + (int64_t)i * 100);
    assert_int_equal(spool_times_until(&times, 500), 0); /* older than what is kept */
    assert_int_equal(spool_times_until(&times, 1000 + 1999 * 10), 1000000 + 1999 * 100);
    assert_int_equal(spool_times_until(&times, 1000 + 1999 * 10 - 1), 1000000 + 1999 * 100);
    assert_int_equal(spool_times_until(&times, 1000 + 1999 * 10 - 2), 1000000 + 1998 * 100);
    spool_times_note(&times, 50000, 5000); /* the clock was set back */
    assert_int_equal(spool_times_until(&times, 30000), 0);
    assert_int_equal(spool_times_until(&times, 50000), 5000);
}

/* ---- loss reports ---------------------------------------------------------------------------- */

static enum spool_loss_word about(struct spool_loss_report *report, uint32_t index)
{
    static const uint8_t uuid[16];
    struct buf text = {0};
    assert_true(spool_loss_report_render(report, uuid, &text));
    enum spool_loss_word word =
        spool_loss_text_about(buf_string(&text), spool_id_of(report->segment_id, index));
    buf_free(&text);
    return word;
}

static void test_loss_reports(void **state)
{
    (void)state;
    struct spool_loss_report report = {.segment_id = 77, .count_known = true};
    assert_int_equal(about(&report, 5), SPOOL_LOSS_NOT_NAMED);
    assert_int_equal(spool_ranges_append(&report.lost, 3, 5), ERR_OK);
    assert_int_equal(spool_ranges_append(&report.lost, 9, 9), ERR_OK);
    assert_int_equal(spool_ranges_append(&report.uncertain, 20, 21), ERR_OK);
    static const uint32_t named[] = {3, 4, 5, 9, 20, 21}, others[] = {0, 2, 6, 8, 10, 19, 22};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(about(&report, named[i]), SPOOL_LOSS_NAMED);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(about(&report, others[i]), SPOOL_LOSS_NOT_NAMED);
    assert_int_equal(spool_loss_text_about("", 5), SPOOL_LOSS_CANT_TELL);
    assert_int_equal(spool_loss_text_about("{\"version\":1,\"lost\":[{\"first\":\"", 5),
                     SPOOL_LOSS_NOT_NAMED);
    spool_ranges_free(&report.lost);
    spool_ranges_free(&report.uncertain);

    struct spool_loss_report vanished = {
        .segment_id = 78, .vanished = true, .delivered_before = 12};
    assert_int_equal(about(&vanished, 11), SPOOL_LOSS_NOT_NAMED);
    assert_int_equal(about(&vanished, 12), SPOOL_LOSS_NAMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lane_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_next_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time, set_up, tear_down),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_loss_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
