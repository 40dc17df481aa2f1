/* SPDX-License-Identifier: MIT
 * spool_fixture.c - a real spool in a temporary directory. */
#include "tests/support/spool_fixture.h"

#include "tests/support/submit_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

void spool_fixture_init(struct spool_fixture *f)
{
    *f = (struct spool_fixture){.options = SPOOL_OPTIONS_DEFAULT};
    const char *base = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/penstock-test-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(f->dir));
    f->options.path = f->dir;
    f->options.create = true;
    f->options.free_bytes_min = 1 << 20;
}

void spool_fixture_open(struct spool_fixture *f)
{
    struct errmsg msg = {""};
    enum err rc = spool_open(&f->options, NULL, NULL, &f->spool, &msg);
    if (rc != ERR_OK)
        fail_msg("open: %s: %s", err_name(rc), msg.text);
}

void spool_fixture_close(struct spool_fixture *f)
{
    if (f->spool != NULL)
        spool_stop_taking(f->spool);
    spool_close(f->spool);
    f->spool = NULL;
}

static void remove_tree(const char *dir)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

void spool_fixture_done(struct spool_fixture *f)
{
    spool_fixture_close(f);
    remove_tree(f->dir);
}

void spool_fixture_copy(const struct spool_fixture *f, const char *to_dir)
{
    char command[1200];
    remove_tree(to_dir);
    snprintf(command, sizeof command, "cp -a '%s' '%s'", f->dir, to_dir);
    assert_int_equal(system(command), 0);
}

struct spool_receipt spool_fixture_append(struct spool_fixture *f, const char *topic,
                                          const char *prefix, uint32_t count)
{
    struct spool_batch *batch = NULL;
    assert_int_equal(spool_batch_new(f->spool, bytes_of_string(topic), &batch), ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        char value[64];
        snprintf(value, sizeof value, "%s%u", prefix, i);
        struct spool_event event = {.value = bytes_of_string(value),
                                    .partition = SPOOL_PARTITION_ANY,
                                    .time_ms = 1700000000000};
        assert_int_equal(spool_batch_add(batch, &event), ERR_OK);
    }
    struct spool_receipt receipt = submit_wait(f->spool, &batch);
    spool_batch_free(batch);
    return receipt;
}

static void keep_value(char out[64], struct bytes value)
{
    snprintf(out, 64, "%.*s", (int)value.size, (const char *)value.data);
}

struct spool_seen spool_fixture_read(struct spool_fixture *f, uint64_t after_id)
{
    struct spool_seen seen = {0};
    struct spool_tail *tail = NULL;
    struct spool_chunk *chunk = NULL;
    assert_int_equal(spool_tail_open(f->spool, after_id, &tail), ERR_OK);
    enum err rc;
    while ((rc = spool_tail_next(tail, &chunk, NULL)) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);) {
            assert_true(event.id > seen.last_id); /* in order, each once */
            if (seen.count++ == 0) {
                seen.first_id = event.id;
                keep_value(seen.first, event.value);
            }
            seen.last_id = event.id;
            keep_value(seen.last, event.value);
        }
        spool_chunk_unref(chunk);
    }
    assert_int_equal(rc, ERR_END);
    spool_tail_close(tail);
    return seen;
}

void spool_fixture_advance(struct spool_fixture *f, const char *topic, uint64_t done_id,
                           uint64_t count)
{
    struct spool_outcome outcome = {.topic = bytes_of_string(topic), .delivered = count};
    assert_int_equal(spool_advance(f->spool, SPOOL_AT_LEAST_ONCE, done_id, NULL, 0, &outcome, 1),
                     ERR_OK);
}

int spool_fixture_wait_ms(void)
{
    const char *wait_ms = getenv("PENSTOCK_WAIT_MS");
    return wait_ms == NULL ? 10000 : atoi(wait_ms);
}
