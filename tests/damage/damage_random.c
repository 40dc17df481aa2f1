/* SPDX-License-Identifier: MIT
 * damage_random.c - random damage: what, where and how much by a seed. */
#include "tests/damage/damage_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* One damage at a random place; small sizes more often. alone: no other comes before or after. */
static void damage_log(struct patient *p, size_t segment, bool alone)
{
    struct damage *d = patient_log(p, segment);
    size_t at = patient_below(p, d->size), size = 1u << patient_below(p, 17);
    d->expect = DAMAGE_EITHER;
    if (d->size == 0)
        return;
    switch (patient_below(p, 10)) {
    case 0:
    case 1:
    case 2: {
        uint8_t bits = (uint8_t)(1u << patient_below(p, 8));
        damage_flip(d, at, bits);
        patient_note(p, "segment %zu: byte %zu changed by 0x%02x", segment, at, bits);
        break;
    }
    case 3: { /* headers are few among the bytes: aim at them */
        const struct segment_fragment *fragment =
            &d->map->fragments[patient_below(p, d->map->fragment_count)];
        size_t part = patient_below(p, 7);
        if (fragment->at + part < d->size)
            damage_flip(d, fragment->at + part, (uint8_t)(1 + patient_below(p, 255)));
        patient_note(p, "segment %zu: byte %zu of the fragment header at %zu changed", segment,
                     part, fragment->at);
        break;
    }
    case 4:
        patient_fill(p, d, at, size, 0);
        patient_note(p, "segment %zu: %zu zeros at %zu", segment, size, at);
        break;
    case 5:
        patient_fill(p, d, at, size, -1);
        patient_note(p, "segment %zu: %zu bytes of garbage at %zu", segment, size, at);
        break;
    case 6: { /* as disks do it: whole sectors and pages */
        int byte = patient_below(p, 2) == 0 ? 0 : -1;
        at = at / 4096 * 4096;
        size = 512u << patient_below(p, 8);
        patient_fill(p, d, at, size, byte);
        patient_note(p, "segment %zu: %zu bytes of aligned %s at %zu", segment, size,
                     byte == 0 ? "zeros" : "garbage", at);
        break;
    }
    case 7:
        if (alone && d->size > 65536) { /* else the copy of a damaged event may well be intact */
            size_t block = 1 + patient_below(p, d->size / 32768 - 1),
                   older = patient_below(p, block);
            memcpy(d->data + block * 32768, d->data + older * 32768, 32768);
            patient_note(p, "segment %zu: block %zu replaced by block %zu", segment, block, older);
            break;
        } /* fall through */
    case 8:
        if (alone && d->size == d->map->size) {
            damage_short_write(p, segment, patient_below(p, d->map->fragment_count),
                               patient_below(p, 1 << 20));
            break;
        } /* fall through */
    default:
        damage_cut(d, at);
        patient_note(p, "segment %zu: cut at %zu", segment, at);
        break;
    }
}

void damage_segment_at_random(struct patient *p, size_t segment)
{
    uint32_t damages = 1 + (patient_below(p, 4) == 0 ? patient_below(p, 6) : 0);
    for (uint32_t i = 0; i < damages; i++)
        damage_log(p, segment, damages == 1);
    const struct damage_row *rows = damage_rows_files;
    if (patient_below(p, 8) == 0) /* LevelDB's small files too: CURRENT, MANIFEST, LOCK */
        rows[patient_below(p, 3)].apply(p, segment, patient_below(p, 9));
}

void damage_at_random(struct patient *p)
{
    uint32_t count = (uint32_t)p->field->segment_count, first = patient_below(p, count);
    damage_segment_at_random(p, first);
    if (patient_below(p, 4) == 0 && count > 1)
        damage_segment_at_random(p, (first + 1 + patient_below(p, count - 1)) % count);
}
