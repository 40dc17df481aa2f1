/* SPDX-License-Identifier: MIT
 * damage_rows_files.c - files of a segment that are missing, empty, garbage, in the wrong place, or
 * not files. */
#include "tests/damage/damage_rows.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* One of LevelDB's small files becomes: missing, empty, zeros, garbage, cut, a directory, a link to
 * itself, a fifo. */
static void spoil(struct patient *p, const char *path, uint32_t how)
{
    static const char *const words[] = {
        "missing",          "empty",       "16 zero bytes",    "garbage", "cut",
        "changed in a bit", "a directory", "a link to itself", "a fifo"};
    uint8_t bytes[300] = {0};
    struct stat status;
    size_t size = 0;
    uint8_t *data = stat(path, &status) == 0 ? patient_read(path, &size) : NULL;
    patient_note(p, "%s is %s", strrchr(path, '/') + 1, words[how]);
    patient_remove(path);
    for (size_t i = 0; how == 3 && i < sizeof bytes; i++)
        bytes[i] = (uint8_t)patient_below(p, 256);
    if (how == 1)
        patient_write(path, "", 0);
    else if (how == 2 || how == 3)
        patient_write(path, bytes, how == 2 ? 16 : sizeof bytes);
    else if (how == 4 && data != NULL)
        patient_write(path, data, size / 2);
    else if (how == 5 && size > 0)
        data[size / 2] ^= 8, patient_write(path, data, size);
    else if (how == 6)
        assert_int_equal(mkdir(path, 0700), 0);
    else if (how == 7)
        assert_int_equal(symlink(path, path), 0);
    else if (how == 8)
        assert_int_equal(mkfifo(path, 0600), 0);
    free(data);
}

static void spoil_current(struct patient *p, size_t segment, uint32_t variant)
{
    spoil(p, patient_path(p, segment, "CURRENT"), variant);
}

static void spoil_manifest(struct patient *p, size_t segment, uint32_t variant)
{
    spoil(p, patient_path(p, segment, patient_manifest(p, segment)), variant);
}

static void spoil_lock_or_log(struct patient *p, size_t segment, uint32_t variant)
{
    spoil(p, patient_path(p, segment, variant < 9 ? "LOCK" : "LOG"), variant % 9);
}

static void only_the_log(struct patient *p, size_t segment, uint32_t variant)
{
    (void)variant;
    patient_note(p, "everything but the log is missing");
    static const char *const names[] = {"CURRENT", "LOCK", "LOG", "LOG.old"};
    patient_remove(patient_path(p, segment, patient_manifest(p, segment)));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        patient_remove(patient_path(p, segment, names[i]));
}

/* ---- the log itself -------------------------------------------------------------------------- */

/* Nothing of the log stands where it should. */
static void lose_log(struct patient *p, size_t segment)
{
    struct damage *d = patient_log(p, segment);
    d->size = 0;
    d->expect = DAMAGE_SOME;
    p->segments[segment].log_gone = true;
}

static void log_is_not_there(struct patient *p, size_t segment, uint32_t variant)
{
    static const char *const words[] = {"missing",          "empty",  "a directory",
                                        "a link to itself", "a fifo", "a link to nothing"};
    const char *path = patient_path(p, segment, "000003.log");
    patient_note(p, "the log is %s", words[variant]);
    lose_log(p, segment);
    patient_remove(path);
    switch (variant) {
    case 1: patient_write(path, "", 0); break;
    case 2: assert_int_equal(mkdir(path, 0700), 0); break;
    case 3: assert_int_equal(symlink("000003.log", path), 0); break;
    case 4: assert_int_equal(mkfifo(path, 0600), 0); break;
    case 5: assert_int_equal(symlink("/nowhere/at/all", path), 0); break;
    default: break;
    }
}

/* As LevelDB's repair, or a person, leaves it. Everything is still found. */
static void log_lies_elsewhere(struct patient *p, size_t segment, uint32_t variant)
{
    static const char *const names[] = {"lost/000003.log", "000007.log", "1.log", "000003.log.bak",
                                        "lost/000003.bak"};
    struct damage *d = patient_log(p, segment);
    patient_note(p, "the log lies at %s", names[variant]);
    if (variant == 0 || variant == 4)
        assert_int_equal(mkdir(patient_path(p, segment, "lost"), 0700), 0);
    if (variant >= 3)
        patient_raw(p, segment);
    d->compare = false;
    patient_write(patient_path(p, segment, names[variant]), d->data, d->size);
    patient_remove(patient_path(p, segment, "000003.log"));
    p->segments[segment].log_gone = true;
    if (variant == 1 || variant == 2) {
        d->expect = DAMAGE_NONE;
    } else {
        d->expect = DAMAGE_SOME;
        p->segments[segment].links_gone = true;
    }
}

/* The first part in a file that isn't a log: what it holds is found after the rest. */
static void log_in_two_pieces(struct patient *p, size_t segment, uint32_t variant)
{
    struct damage *d = patient_log(p, segment);
    size_t half = d->size / 2 / 32768 * 32768;
    patient_note(p, "the log's first %zu bytes lie in %s", half,
                 variant == 0 ? "000002.log" : "piece.0");
    if (variant == 1) {
        patient_raw(p, segment);
        for (uint32_t i = 0; i < d->map->event_count; i++)
            /* whole in the log that is left */
            if (d->gone[i] && segment_map_offset(d->map, i) >= half)
                d->gone[i] = false;
    }
    damage_gone_across(d, half);
    d->compare = false;
    patient_write(patient_path(p, segment, variant == 0 ? "000002.log" : "piece.0"), d->data, half);
    memmove(d->data, d->data + half, d->size - half);
    d->size -= half;
    d->expect = variant == 0 ? DAMAGE_EITHER : DAMAGE_SOME;
}

/* ---- what doesn't belong there --------------------------------------------------------------- */

static void foreign_files(struct patient *p, size_t segment, uint32_t variant)
{
    uint8_t bytes[70000];
    const struct segment_map *map = &p->field->segments[segment].map;
    const struct segment_map *other = &p->field->segments[segment == 0 ? 1 : 0].map;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)patient_below(p, 256);
    switch (variant) {
    case 0:
        patient_note(p, "a file of garbage beside the log");
        patient_write(patient_path(p, segment, "core.1234"), bytes, sizeof bytes);
        break;
    case 1:
        patient_note(p, "a second log of garbage");
        patient_write(patient_path(p, segment, "000009.log"), bytes, sizeof bytes);
        (void)patient_log(p, segment); /* damage at the very end, perhaps behind a seal: either may
                                        * be said */
        break;
    case 2:
        patient_note(p, "a copy of the log beside it");
        patient_write(patient_path(p, segment, "000003.log~"), map->data, map->size);
        break;
    case 3:
        patient_note(p, "a copy of the log as a second log");
        patient_write(patient_path(p, segment, "000005.log"), map->data, map->size);
        (void)patient_log(p, segment);
        break;
    case 4:
        patient_note(p, "the log of another segment as a second log");
        patient_write(patient_path(p, segment, "000005.log"), other->data, other->size);
        (void)patient_log(p, segment);
        p->segments[segment].links_gone = false;
        break;
    case 5:
        patient_note(p, "a directory with files in it, deep");
        assert_int_equal(mkdir(patient_path(p, segment, "lost+found"), 0700), 0);
        assert_int_equal(mkdir(patient_path(p, segment, "lost+found/deeper"), 0700), 0);
        patient_write(patient_path(p, segment, "lost+found/#1234"), bytes, 5000);
        patient_write(patient_path(p, segment, "lost+found/deeper/#1235"), bytes, 5000);
        break;
    case 6:
        patient_note(p, "an empty second log");
        patient_write(patient_path(p, segment, "000005.log"), "", 0);
        break;
    default:
        patient_note(p, "a fifo, a link to nothing, and an empty table");
        assert_int_equal(mkfifo(patient_path(p, segment, "pipe"), 0600), 0);
        assert_int_equal(symlink("/nowhere/at/all", patient_path(p, segment, "link")), 0);
        patient_write(patient_path(p, segment, "000005.ldb"), "", 0);
        break;
    }
}

/* ---- the directory --------------------------------------------------------------------------- */

static void directory_gone(struct patient *p, size_t segment, uint32_t variant)
{
    (void)variant;
    patient_note(p, "the segment's directory has vanished");
    patient_remove(patient_path(p, segment, ""));
    p->segments[segment].gone = true;
}

static void directory_is_empty_or_no_directory(struct patient *p, size_t segment, uint32_t variant)
{
    static const char *const words[] = {"an empty directory", "an empty file", "a file of garbage",
                                        "a link to nothing", "a link to itself"};
    const char *path = patient_path(p, segment, "");
    patient_note(p, "the segment's directory is %s", words[variant]);
    lose_log(p, segment);
    patient_remove(path);
    switch (variant) {
    case 0: assert_int_equal(mkdir(path, 0700), 0); break;
    case 1: patient_write(path, "", 0); break;
    case 2: patient_write(path, "what a mess", 11); break;
    case 3: assert_int_equal(symlink("/nowhere/at/all", path), 0); break;
    default: assert_int_equal(symlink(path, path), 0); break;
    }
}

const struct damage_row damage_rows_files[] = {
    {"CURRENT missing, empty, zeros, garbage, no file", 9, false, spoil_current},
    {"MANIFEST missing, empty, zeros, garbage, cut, flipped, no file", 9, false, spoil_manifest},
    {"LOCK or LOG missing, empty, zeros, garbage, no file", 18, false, spoil_lock_or_log},
    {"everything but the log missing", 1, false, only_the_log},
    {"log missing, empty, no file", 6, false, log_is_not_there},
    {"log under another name", 5, false, log_lies_elsewhere},
    {"log in two files", 2, false, log_in_two_pieces},
    {"foreign files beside the log", 8, false, foreign_files},
    {"whole segment vanished", 1, false, directory_gone},
    {"segment's directory empty, or no directory", 5, false, directory_is_empty_or_no_directory},
    {0},
};
