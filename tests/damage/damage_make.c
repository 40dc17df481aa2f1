/* SPDX-License-Identifier: MIT
 * damage_make.c - damaged spools for other programs. */
#include "tests/damage/damage_make.h"

#include "base/buf.h"
#include "tests/damage/damage_rows.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void put_segments(struct buf *out, const struct patient *p)
{
    static const char *const kept[] = {"either", "no", "yes"};
    buf_append_string(out, ",\"segments\":[");
    for (size_t i = 0; i < p->field->segment_count; i++) {
        const struct patient_segment *s = &p->segments[i];
        buf_printf(out,
                   "%s\n{\"id\":\"%" PRIu64 "\",\"events\":%u,\"lost\":%" PRIu64
                   ",\"uncertain\":%" PRIu64 ",\"quarantine\":\"%s\"}",
                   i == 0 ? "" : ",", p->field->segments[i].id,
                   p->field->segments[i].content.event_count, s->lost, s->uncertain, kept[s->kept]);
    }
    buf_append_char(out, ']');
}

/* Numbers of the events that must not be delivered, as ranges. */
static void put_missing(struct buf *out, const struct patient *p)
{
    buf_append_string(out, ",\"missing\":[");
    uint32_t first = 0, number = 0;
    bool open = false, any = false;
    for (size_t i = 0; i <= p->field->segment_count; i++) {
        uint32_t count =
            i == p->field->segment_count ? 1 : p->field->segments[i].content.event_count;
        for (uint32_t k = 0; k < count; k++, number++) {
            bool missing = i < p->field->segment_count && !patient_must_deliver(p, i, k);
            if (missing && !open)
                first = number;
            if (!missing && open) {
                buf_printf(out, "%s[%u,%u]", any ? "," : "", first, number - 1);
                any = true;
            }
            open = missing;
        }
    }
    buf_append_char(out, ']');
}

static void write_json(const struct patient *p, const char *path)
{
    struct buf out = {0};
    const struct patient_totals totals = p->totals;
    buf_append_string(&out, "{\"what\":");
    buf_append_json_string(&out, p->what, strlen(p->what));
    buf_printf(&out,
               ",\"events\":%u,\"delivered\":%" PRIu64 ",\"lost\":%" PRIu64
               ",\"uncertain\":%" PRIu64 ",\"unknowable\":%" PRIu64,
               p->field->event_count, totals.delivered, totals.lost, totals.uncertain,
               totals.unknowable);
    put_segments(&out, p);
    put_missing(&out, p);
    buf_append_string(&out, "}\n");
    assert_false(out.failed);
    segment_write_file(path, out.data, out.size);
    buf_free(&out);
}

/* So that an event is missing for sure. Not after a short write, which shifts what is behind it and
 * has cost one already, and not an event of which a stale block holds a copy. */
static void damage_for_sure(struct patient *p, size_t segment)
{
    struct damage *d = patient_log(p, segment);
    uint32_t index = d->map->event_count / 50;
    size_t at = segment_map_offset(d->map, index) + 8;
    const struct segment_event *event = &p->field->segments[segment].content.events[index];
    damage_segment_at_random(p, segment);
    if (!d->compare || at >= d->size)
        return;
    damage_flip(d, at, 1);
    if (memmem(d->data, d->size, event->frame, event->size) != NULL)
        damage_flip(d, at, 1);
}

void damage_make(const struct make_options *options)
{
    struct field_plan plan = {.batch_events = options->batch_events,
                              .segment_bytes = options->segment_bytes,
                              .segments = {options->segments},
                              .events_in_last = options->events_in_last,
                              .killed = options->killed};
    struct damage_field field;
    struct patient p;
    char dir[300];
    snprintf(plan.name, sizeof plan.name, "spool %s", options->label);
    snprintf(plan.label, sizeof plan.label, "%s", options->label);
    snprintf(dir, sizeof dir, "%s/field", options->scratch);
    damage_field_make(&field, &plan, dir);
    patient_make(&p, &field, options->to, options->seed * 1000003 + options->number);
    for (size_t i = 0; options->every && i < field.segment_count; i++)
        damage_for_sure(&p, i);
    if (!options->every && !options->undamaged)
        damage_at_random(&p);
    patient_finish(&p);
    write_json(&p, options->out);
    if (options->events != NULL)
        damage_field_write_events(&field, options->events);
    patient_free(&p, false);
    damage_field_free(&field, true);
}
