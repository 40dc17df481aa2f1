/* SPDX-License-Identifier: MIT
 * test_spool_confirm.c - waiting for Kafka: told once, when all is noted and counts; bounded;
 * nobody is told after cancelling. */
#include "spool/spool_delivery_wait.h"
#include "tests/support/spool_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct waiter {
    struct spool_delivery_wait *confirm;
    atomic_int done, confirmed;
    bool all;
    struct spool_receipt receipt;
};

static int set_up(void **state)
{
    static struct spool_fixture fixture;
    spool_fixture_init(&fixture);
    spool_fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    spool_fixture_done(*state);
    return 0;
}

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct waiter *w = arg;
    w->receipt = *receipt;
    atomic_store(&w->done, 1);
}

static void on_confirmed(void *arg, bool all)
{
    struct waiter *w = arg;
    w->all = all;
    atomic_fetch_add(&w->confirmed, 1);
}

static struct spool_batch *make_batch(struct spool_fixture *f, uint32_t events)
{
    struct spool_batch *batch;
    assert_int_equal(spool_batch_new(f->spool, bytes_of_string("door"), &batch), ERR_OK);
    for (uint32_t i = 0; i < events; i++)
        assert_int_equal(
            spool_batch_add(batch, &(struct spool_event){.value = bytes_of_string("v"),
                                                         .time_ms = 1,
                                                         .partition = SPOOL_PARTITION_ANY}),
            ERR_OK);
    return batch;
}

static void submit(struct spool_fixture *f, struct waiter *w, uint32_t events)
{
    *w = (struct waiter){.all = false};
    struct spool_batch *batch = make_batch(f, events);
    assert_int_equal(spool_delivery_wait_new(f->spool, events, on_confirmed, w, &w->confirm),
                     ERR_OK);
    spool_batch_set_delivery_wait(batch, w->confirm);
    assert_int_equal(spool_submit(f->spool, batch, on_done, w), ERR_OK);
    SPOOL_FIXTURE_WAIT(atomic_load(&w->done) == 1);
    assert_int_equal(w->receipt.err, ERR_OK);
}

static void test_at_once(void **state)
{
    struct spool_fixture *f = *state;
    struct waiter one, two;
    uint32_t count;
    assert_false(spool_delivery_wait_any(f->spool));
    submit(f, &one, 2);
    spool_fixture_append(f, "door", "x", 3); /* nobody waits for these */
    submit(f, &two, 1);
    assert_true(spool_delivery_wait_any(f->spool));
    spool_delivery_wait_note(f->spool, one.receipt.first_id + 1, 4, 11, true);
    /* sent again: the first place counts */
    spool_delivery_wait_note(f->spool, one.receipt.first_id + 1, 4, 12, true);
    spool_delivery_wait_note(f->spool, one.receipt.last_id + 1, 4, 13, true);
    spool_delivery_wait_note(f->spool, 1, 4, 13, true);
    assert_int_equal(one.confirmed, 0);
    spool_delivery_wait_note(f->spool, one.receipt.first_id, 3, -1, true);
    assert_int_equal(one.confirmed, 1);
    assert_true(one.all);
    const struct spool_kafka_place *places = spool_delivery_wait_places(one.confirm, &count);
    assert_int_equal(count, 2);
    assert_int_equal(places[0].partition, 3);
    assert_true(places[0].offset < 0);
    assert_int_equal(places[1].partition, 4);
    assert_int_equal(places[1].offset, 11);
    assert_false(spool_delivery_wait_cancel(one.confirm));
    assert_int_equal(two.confirmed, 0);
    spool_delivery_wait_note(f->spool, two.receipt.first_id, 0, 0, true);
    assert_int_equal(two.confirmed, 1);
    assert_false(spool_delivery_wait_any(f->spool));
    spool_delivery_wait_free(one.confirm);
    spool_delivery_wait_free(two.confirm);
}

static void test_transactions(void **state)
{
    struct spool_fixture *f = *state;
    struct waiter w;
    uint32_t count;
    submit(f, &w, 2);
    spool_delivery_wait_note(f->spool, w.receipt.first_id, 0, 5, false);
    spool_delivery_wait_note(f->spool, w.receipt.last_id, 0, 6, false);
    spool_delivery_wait_settle(f->spool, false); /* aborted */
    assert_int_equal(w.confirmed, 0);
    spool_delivery_wait_settle(f->spool, true); /* of another one */
    assert_int_equal(w.confirmed, 0);
    spool_delivery_wait_note(f->spool, w.receipt.first_id, 0, 15, false);
    spool_delivery_wait_note(f->spool, w.receipt.first_id, 0, 16, false);
    spool_delivery_wait_settle(f->spool, true);
    assert_int_equal(w.confirmed, 0); /* the second event isn't in it */
    spool_delivery_wait_note(f->spool, w.receipt.last_id, 0, 17, false);
    spool_delivery_wait_settle(f->spool, true);
    assert_int_equal(w.confirmed, 1);
    const struct spool_kafka_place *places = spool_delivery_wait_places(w.confirm, &count);
    assert_int_equal(places[0].offset, 16);
    assert_int_equal(places[1].offset, 17);
    spool_delivery_wait_free(w.confirm);
}

static void test_cancelled(void **state)
{
    struct spool_fixture *f = *state;
    struct waiter w, next;
    submit(f, &w, 1);
    submit(f, &next, 1);
    assert_true(spool_delivery_wait_cancel(w.confirm));
    spool_delivery_wait_note(f->spool, w.receipt.first_id, 0, 1, true);
    assert_int_equal(w.confirmed, 0);
    spool_delivery_wait_free(w.confirm);
    spool_delivery_wait_note(f->spool, next.receipt.first_id, 0, 2, true);
    assert_int_equal(next.confirmed, 1);
    spool_delivery_wait_free(next.confirm);
}

/* Before the commit: it is never listed. */
static void test_cancelled_early(void **state)
{
    struct spool_fixture *f = *state;
    struct waiter w = {.all = false};
    struct spool_batch *batch = make_batch(f, 1);
    assert_int_equal(spool_delivery_wait_new(f->spool, 1, on_confirmed, &w, &w.confirm), ERR_OK);
    spool_batch_set_delivery_wait(batch, w.confirm);
    assert_true(spool_delivery_wait_cancel(w.confirm));
    assert_int_equal(spool_submit(f->spool, batch, on_done, &w), ERR_OK);
    SPOOL_FIXTURE_WAIT(atomic_load(&w.done) == 1);
    assert_false(spool_delivery_wait_any(f->spool));
    spool_delivery_wait_free(w.confirm);
}

/* It ends every wait; what the waiters hold lives on. */
static void test_closed(void **state)
{
    struct spool_fixture *f = *state;
    struct waiter w;
    submit(f, &w, 1);
    spool_fixture_close(f);
    assert_int_equal(w.confirmed, 1);
    assert_false(w.all);
    assert_false(spool_delivery_wait_cancel(w.confirm));
    spool_delivery_wait_free(w.confirm);
}

static void test_bounded(void **state)
{
    struct spool_fixture *f = *state;
    static struct spool_delivery_wait *confirms[SPOOL_DELIVERY_WAIT_BATCHES_MAX];
    struct spool_delivery_wait *extra;
    for (size_t i = 0; i < SPOOL_DELIVERY_WAIT_BATCHES_MAX; i++)
        assert_int_equal(spool_delivery_wait_new(f->spool, 1, on_confirmed, NULL, &confirms[i]),
                         ERR_OK);
    assert_int_equal(spool_delivery_wait_new(f->spool, 1, on_confirmed, NULL, &extra), ERR_FULL);
    for (size_t i = 0; i < SPOOL_DELIVERY_WAIT_BATCHES_MAX; i++)
        spool_delivery_wait_free(confirms[i]);
    assert_int_equal(spool_delivery_wait_new(f->spool, SPOOL_DELIVERY_WAIT_EVENTS_MAX + 1,
                                             on_confirmed, NULL, &extra),
                     ERR_FULL);
    assert_int_equal(spool_delivery_wait_new(f->spool, SPOOL_DELIVERY_WAIT_EVENTS_MAX, on_confirmed,
                                             NULL, &extra),
                     ERR_OK);
    spool_delivery_wait_free(extra);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transactions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
