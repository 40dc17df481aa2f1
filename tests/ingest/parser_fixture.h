/* SPDX-License-Identifier: MIT
 * parser_fixture.h - collects what a body parser hands out, as text. */
#ifndef PENSTOCK_TESTS_PARSER_FIXTURE_H
#define PENSTOCK_TESTS_PARSER_FIXTURE_H

#include "ingest/parse/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct parser_fixture {
    struct ingest_sink sink;
    struct ingest_problem problem;
    struct buf text;      /* "key=value;" per event; null as ~ */
    enum err refuse_with; /* what the sink says to the event number refuse_at */
    uint64_t refuse_at;
};

static inline void put_text(struct buf *out, struct bytes bytes)
{
    if (bytes.data == NULL)
        buf_append_char(out, '~');
    else
        buf_append(out, bytes.data, bytes.size);
}

static inline enum err parser_event(void *arg, const struct spool_event *event)
{
    struct parser_fixture *f = arg;
    if (f->refuse_with != ERR_OK && f->sink.count == f->refuse_at)
        return f->refuse_with;
    put_text(&f->text, event->key);
    buf_append_char(&f->text, '=');
    put_text(&f->text, event->value);
    buf_append_char(&f->text, ';');
    return ERR_OK;
}

static inline void parser_begin(struct parser_fixture *f)
{
    buf_clear(&f->text);
    f->problem = (struct ingest_problem){0};
    f->sink = (struct ingest_sink){
        .event = parser_event, .arg = f, .defaults = {.partition = SPOOL_PARTITION_ANY}};
}

static inline int parser_setup(void **state)
{
    *state = calloc(1, sizeof(struct parser_fixture));
    return *state == NULL;
}

static inline int parser_teardown(void **state)
{
    struct parser_fixture *f = *state;
    buf_free(&f->text);
    free(f);
    return 0;
}

#define PARSER_TEST(name) cmocka_unit_test_setup_teardown(name, parser_setup, parser_teardown)

#endif
