/* SPDX-License-Identifier: MIT
 * damage_rows_spool.c - damage beside the segments: cursors, identity, folders, what doesn't belong
 * there; and to many segments at once. */
#include "tests/damage/damage_rows.h"

#include "base/codec.h"
#include "spool/format/cursor_slot.h"
#include "spool/place/cursors_file.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- cursors --------------------------------------------------------------------------------- */

enum { SLOT = SPOOL_CURSORS_SLOT_SIZE, SLOT_BODY = 44 };

/* docs/spool-format.md §6: mode, highest segment, the newest ones, done id. */
static uint64_t slot_done_id(const uint8_t *slot)
{
    struct codec_in in = codec_in_of(slot + SLOT_BODY, 200);
    for (int i = 0; i < 2 + SPOOL_NEWEST_SEGMENTS; i++)
        codec_in_varint(&in);
    return codec_in_varint(&in);
}

/* How many events lie at or below that id. */
static uint32_t count_up_to(const struct damage_field *field, uint64_t id)
{
    uint32_t count = 0;
    for (size_t i = 0; i < field->segment_count; i++) {
        const struct field_segment *s = &field->segments[i];
        uint32_t events = s->content.event_count, upto = id >= spool_id_of(s->id, 0) ? events : 0;
        if (spool_id_segment(id) == s->id && spool_id_index(id) + 1 < events)
            upto = spool_id_index(id) + 1;
        count += upto;
    }
    return count;
}

static void cursors(struct patient *p, size_t segment, uint32_t variant)
{
    static const char *const words[] = {"missing",
                                        "empty",
                                        "changed in both slots",
                                        "changed in the newer slot",
                                        "changed in the older slot",
                                        "cut in half",
                                        "a directory",
                                        "a link to itself",
                                        "all zeros",
                                        "of another spool",
                                        "changed in the newer slot's head"};
    const char *path = patient_root_path(p, "cursors");
    size_t size;
    uint8_t *data = patient_read(path, &size);
    assert_int_equal(size, 2 * SLOT);
    (void)segment;
    int newer = codec_get_u64(data + 32) > codec_get_u64(data + SLOT + 32) ? 0 : 1;
    bool alive[2] = {codec_get_u32(data + 40) > 0, codec_get_u32(data + SLOT + 40) > 0};
    uint64_t done_ids[2] = {slot_done_id(data), slot_done_id(data + SLOT)};
    patient_note(p, "cursors are %s", words[variant]);
    patient_remove(path);
    if (variant == 2 || variant == 3 || variant == 4)
        for (int i = 0; i < 2; i++)
            if (variant == 2 || i == (variant == 3 ? newer : 1 - newer))
                data[i * SLOT + SLOT_BODY + 9] ^= 0x20, alive[i] = false;
    if (variant == 10)
        memset(data + newer * SLOT, 0xff, 12), alive[newer] = false;
    if (variant == 9)
        data[20] ^= 1, data[SLOT + 20] ^= 1;
    if (variant == 5)
        alive[1] = false;
    else if (variant <= 1 || (variant >= 6 && variant <= 9) || variant == 2)
        alive[0] = alive[1] = false;
    if (variant == 6)
        assert_int_equal(mkdir(path, 0700), 0);
    else if (variant == 7)
        assert_int_equal(symlink("cursors", path), 0);
    else if (variant == 8)
        memset(data, 0, size), patient_write(path, data, size);
    else if (variant > 0)
        patient_write(path, data, variant == 1 ? 0 : variant == 5 ? SLOT : size);
    int left = alive[newer] ? newer : alive[1 - newer] ? 1 - newer : -1;
    p->done_count = left < 0 ? 0 : count_up_to(p->field, done_ids[left]);
    free(data);
}

/* ---- identity -------------------------------------------------------------------------------- */

static void identity(struct patient *p, size_t segment, uint32_t variant)
{
    static const char *const words[] = {"empty", "changed in a bit", "garbage", "cut",
                                        "of a newer version"};
    const char *path = patient_root_path(p, "PENSTOCK");
    size_t size;
    uint8_t *data = patient_read(path, &size);
    (void)segment;
    patient_note(p, "PENSTOCK is %s", words[variant]);
    if (variant == 1)
        data[size / 2] ^= 1;
    for (size_t i = 0; variant == 2 && i < size; i++)
        data[i] = (uint8_t)patient_below(p, 256);
    if (variant == 4)
        data[16] = '7';
    patient_write(path, data, variant == 0 ? 0 : variant == 3 ? size / 2 : size);
    p->must_refuse = variant == 4 ? ERR_VERSION : ERR_DAMAGED;
    free(data);
}

/* ---- folders --------------------------------------------------------------------------------- */

static void foreign_in_folders(struct patient *p, size_t segment, uint32_t variant)
{
    static const struct {
        const char *path;
        bool directory;
    } rows[] = {{"segments/README", false},
                {"segments/lost+found", true},
                {"segments/12x", true},
                {"segments/000123", true},
                {"segments/99999999999999999999999", true},
                {"segments/77.new", true},
                {"segments/78.new", false},
                {"trash/what", false},
                {"trash/lost+found", true},
                {"quarantine/README", false},
                {"quarantine/lost+found", true},
                {"core.77", false},
                {"lost+found", true},
                {"cursors.tmp", false},
                {"PENSTOCK.tmp", false},
                {"dead-letter", false},
                {"segments/-5", true}};
    (void)segment;
    assert_true(variant < sizeof rows / sizeof rows[0]);
    patient_note(p, "a foreign %s", rows[variant].path);
    const char *path = patient_root_path(p, rows[variant].path);
    if (rows[variant].directory)
        assert_int_equal(mkdir(path, 0700), 0);
    else
        patient_write(path, "what is this", 12);
}

static void lock_is_garbage(struct patient *p, size_t segment, uint32_t variant)
{
    (void)segment;
    patient_note(p, "LOCK is %s", variant == 0 ? "missing" : "garbage");
    if (variant == 0)
        patient_remove(patient_root_path(p, "LOCK"));
    else
        patient_write(patient_root_path(p, "LOCK"), "\xff\xfe\x00 not a pid", 14);
}

static void folder_gone(struct patient *p, size_t segment, uint32_t variant)
{
    (void)segment;
    patient_note(p, "%s is missing", variant == 0 ? "quarantine/" : "trash/");
    patient_remove(patient_root_path(p, variant == 0 ? "quarantine" : "trash"));
}

/* An id that lies there already, as after a copy by hand. */
static void id_in_quarantine_already(struct patient *p, size_t segment, uint32_t variant)
{
    char name[64];
    struct damage *d = patient_log(p, 0);
    (void)segment;
    (void)variant;
    patient_note(p, "a damaged segment's id lies in quarantine already");
    damage_flip(d, segment_map_offset(d->map, 1000), 1);
    snprintf(name, sizeof name, "quarantine/%" PRIu64, p->field->segments[0].id);
    assert_int_equal(mkdir(patient_root_path(p, name), 0700), 0);
    snprintf(name, sizeof name, "quarantine/%" PRIu64 "/note", p->field->segments[0].id);
    patient_write(patient_root_path(p, name), "mine", 4);
    p->reports_free = true;
}

/* ---- many at once ---------------------------------------------------------------------------- */

static void many(struct patient *p, size_t segment, uint32_t variant)
{
    (void)segment;
    patient_note(p, "every segment is damaged");
    for (size_t i = 0; i < p->field->segment_count; i++) {
        struct damage *d = patient_log(p, i);
        if (variant == 0) {
            damage_flip(d, segment_map_offset(d->map, d->map->event_count / 3 + (uint32_t)i), 0x80);
        } else if (variant == 1) {
            patient_fill(p, d, d->size / 3, 5000, -1);
            patient_fill(p, d, d->size / 2, 70000, 0);
        } else {
            damage_cut(d, d->size / 4 * 3 + i);
        }
    }
}

/* Nothing but noise, everywhere. */
static void all_is_noise(struct patient *p, size_t segment, uint32_t variant)
{
    (void)segment;
    patient_note(p, "every byte of every log is %s", variant == 0 ? "garbage" : "zero");
    for (size_t i = 0; i < p->field->segment_count; i++)
        patient_fill(p, patient_log(p, i), 0, SIZE_MAX / 2, variant == 0 ? -1 : 0);
}

const struct damage_row damage_rows_spool[] = {
    {"cursors missing, empty, flipped, cut, no file", 11, true, cursors},
    {"PENSTOCK empty, flipped, garbage, cut, newer: refused with words", 5, true, identity},
    {"foreign files and folders in the spool", 17, true, foreign_in_folders},
    {"LOCK of the spool missing, garbage", 2, true, lock_is_garbage},
    {"quarantine/ or trash/ missing", 2, true, folder_gone},
    {"id in quarantine already", 1, true, id_in_quarantine_already},
    {"every segment damaged", 3, true, many},
    {"every log all garbage, all zeros", 2, true, all_is_noise},
    {0},
};
