/* SPDX-License-Identifier: MIT
 * test_spool_chunk.c - runs of frames in memory: what is put in comes out, for as long as anybody
 * holds it. */
#include "spool/format/chunk.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static size_t put_event(uint8_t *out, uint32_t index)
{
    char value[16];
    snprintf(value, sizeof value, "value-%u", index);
    struct spool_event event = {.time_ms = 1,
                                .topic = bytes_of_string("t"),
                                .value = bytes_of_string(value),
                                .partition = SPOOL_PARTITION_ANY};
    size_t size = (size_t)(spool_frame_put(out, &event) - out);
    spool_frame_stamp(out, spool_id_of(3, index), 0, 1);
    return size;
}

static void test_events_come_out_in_order_and_other_kinds_are_passed_over(void **state)
{
    (void)state;
    uint8_t frame[128];
    struct spool_chunk *chunk = spool_chunk_new(4096);
    assert_true(chunk->event_count == 0 && chunk->first_id == 0 && chunk->last_id == 0 &&
                chunk->size == 0);
    for (uint32_t i = 0; i < 10; i++) {
        size_t size =
            (size_t)(spool_frame_put_other(frame, SPOOL_FRAME_LINK, 0, bytes_of("body", 4)) -
                     frame);
        spool_frame_stamp(frame, spool_id_of(3, i), 0, 1);
        assert_true(spool_chunk_append(chunk, frame, size));
        assert_true(spool_chunk_append(chunk, frame, put_event(frame, 5 + i)));
        spool_chunk_count(chunk, spool_id_of(3, 5 + i));
    }
    assert_int_equal(chunk->event_count, 10);
    assert_int_equal(chunk->first_id, spool_id_of(3, 5));
    assert_int_equal(chunk->last_id, spool_id_of(3, 14));
    for (int salvaged = 0; salvaged < 2; salvaged++) {
        chunk->salvaged = salvaged;
        struct spool_event event;
        size_t pos = 0;
        for (uint32_t i = 0; i < 10; i++) {
            assert_true(spool_chunk_next(chunk, &pos, &event));
            assert_int_equal(event.id, spool_id_of(3, 5 + i));
            assert_int_equal(event.salvaged, salvaged);
        }
        assert_false(spool_chunk_next(chunk, &pos, &event));
        assert_int_equal(pos, chunk->size);
    }
    spool_chunk_unref(chunk);
}

static void test_chunks_are_sorted_into_one(void **state)
{
    (void)state;
    static const uint32_t indexes[2][3] = {{9, 4, 6}, {8, 2, 5}},
                          sorted_indexes[] = {2, 4, 5, 6, 8, 9};
    uint8_t frame[128];
    struct spool_chunk *parts[2];
    for (size_t i = 0; i < 2; i++) {
        parts[i] = spool_chunk_new(1024);
        for (size_t k = 0; k < 3; k++) {
            assert_true(spool_chunk_append(parts[i], frame, put_event(frame, indexes[i][k])));
            spool_chunk_count(parts[i], spool_id_of(3, indexes[i][k]));
            assert_int_equal(parts[i]->unordered, k > 0);
        }
    }
    struct spool_chunk *sorted = spool_chunk_sorted(parts, 2);
    spool_chunk_unref(parts[0]);
    spool_chunk_unref(parts[1]);
    struct spool_event event;
    size_t pos = 0;
    for (size_t i = 0; i < 6; i++) {
        char value[16];
        snprintf(value, sizeof value, "value-%u", sorted_indexes[i]);
        assert_true(spool_chunk_next(sorted, &pos, &event));
        assert_int_equal(event.id, spool_id_of(3, sorted_indexes[i]));
        assert_int_equal(event.value.size, strlen(value));
        assert_memory_equal(event.value.data, value, event.value.size);
        assert_true(event.salvaged);
    }
    assert_false(spool_chunk_next(sorted, &pos, &event));
    assert_true(sorted->event_count == 6 && !sorted->unordered);
    assert_int_equal(sorted->first_id, spool_id_of(3, 2));
    assert_int_equal(sorted->last_id, spool_id_of(3, 9));
    spool_chunk_unref(sorted);
}

static void test_what_does_not_fit_is_refused_and_what_just_fits_is_taken(void **state)
{
    (void)state;
    uint8_t frame[128];
    size_t size = put_event(frame, 1), pos = 0;
    struct spool_chunk *chunk = spool_chunk_new(2 * size - 1);
    struct spool_event event;
    assert_true(spool_chunk_append(chunk, frame, size));
    assert_false(spool_chunk_append(chunk, frame, size));
    assert_int_equal(chunk->size, size);
    assert_true(spool_chunk_next(chunk, &pos, &event));
    assert_false(spool_chunk_next(chunk, &pos, &event));
    spool_chunk_unref(chunk);
    chunk = spool_chunk_new(size);
    assert_true(spool_chunk_append(chunk, frame, size));
    assert_false(spool_chunk_append(chunk, frame, 1));
    spool_chunk_unref(chunk);
    chunk = spool_chunk_new(0);
    assert_non_null(chunk);
    assert_false(spool_chunk_append(chunk, frame, 1));
    spool_chunk_unref(chunk);
    spool_chunk_unref(NULL);
}

static void test_adopted_memory_is_full_and_freed_with_the_chunk(void **state)
{
    (void)state;
    uint8_t *data = malloc(128);
    size_t size = put_event(data, 9), pos = 0;
    struct spool_chunk *chunk = spool_chunk_adopt(data, size);
    struct spool_event event;
    assert_ptr_equal(chunk->data, data);
    assert_false(spool_chunk_append(chunk, data, size));
    assert_true(spool_chunk_next(chunk, &pos, &event));
    assert_true(bytes_equal(event.value, bytes_of_string("value-9")));
    assert_true(event.value.data > data && event.value.data < data + size); /* a view, no copy */
    spool_chunk_unref(chunk);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *hold_and_let_go(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct spool_chunk *chunk = spool_chunk_ref(arg);
        struct spool_event event;
        size_t pos = 0;
        if (!spool_chunk_next(chunk, &pos, &event) || event.id != spool_id_of(3, 1))
            abort();
        spool_chunk_unref(chunk);
    }
    spool_chunk_unref(arg); /* the thread's own; the last of all frees it */
    return NULL;
}

static void test_references_from_many_threads_are_counted(void **state)
{
    (void)state;
    uint8_t frame[128];
    struct spool_chunk *chunk = spool_chunk_new(128);
    pthread_t threads[THREADS];
    assert_true(spool_chunk_append(chunk, frame, put_event(frame, 1)));
    spool_chunk_count(chunk, spool_id_of(3, 1));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, spool_chunk_ref(chunk)),
                         0);
    assert_ptr_equal(spool_chunk_ref(chunk), chunk);
    spool_chunk_unref(chunk);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(chunk->references, 1);
    spool_chunk_unref(chunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_out_in_order_and_other_kinds_are_passed_over),
        cmocka_unit_test(test_chunks_are_sorted_into_one),
        cmocka_unit_test(test_what_does_not_fit_is_refused_and_what_just_fits_is_taken),
        cmocka_unit_test(test_adopted_memory_is_full_and_freed_with_the_chunk),
        cmocka_unit_test(test_references_from_many_threads_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
