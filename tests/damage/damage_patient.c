/* SPDX-License-Identifier: MIT
 * damage_patient.c - copies of spools, and what damage must cost. */
#include "tests/damage/damage_patient.h"

#include "spool/disk/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { LINK = 0, HEADER = 1, SEAL = 2 }; /* behind the events in gone[]: see damage_check.c */

/* ---- files ----------------------------------------------------------------------------------- */

void patient_remove(const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        spool_dir_remove_tree(AT_FDCWD, path);
}

void patient_write(const char *path, const void *data, size_t size)
{
    patient_remove(path);
    segment_write_file(path, data, size);
}

uint8_t *patient_read(const char *path, size_t *ret_size)
{
    return segment_read_file(path, ret_size);
}

static void copy_file(const char *from, const char *to)
{
    size_t size;
    uint8_t *data = segment_read_file(from, &size);
    segment_write_file(to, data, size);
    free(data);
}

/* linked: files become hard links. */
static void copy_tree(const char *from, const char *to, bool linked)
{
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *dir = opendir(from);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char source[600], target[600];
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(source, sizeof source, "%.300s/%.255s", from, entry->d_name);
        snprintf(target, sizeof target, "%.300s/%.255s", to, entry->d_name);
        assert_int_equal(lstat(source, &status), 0);
        if (S_ISDIR(status.st_mode))
            copy_tree(source, target, true);
        else if (!linked || link(source, target) != 0)
            copy_file(source, target);
    }
    closedir(dir);
}

static char *next_path(void)
{
    static char paths[8][600];
    static int next;
    next = (next + 1) % 8;
    return paths[next];
}

const char *patient_root_path(const struct patient *p, const char *file)
{
    char *path = next_path();
    snprintf(path, 600, "%s/%s", p->dir, file);
    return path;
}

const char *patient_path(const struct patient *p, size_t segment, const char *file)
{
    char *path = next_path();
    snprintf(path, 600, "%s/segments/%" PRIu64 "%s%s", p->dir, p->field->segments[segment].id,
             file[0] == '\0' ? "" : "/", file);
    return path;
}

const char *patient_manifest(const struct patient *p, size_t segment)
{
    static char name[100];
    name[0] = '\0';
    DIR *dir = opendir(patient_path(p, segment, ""));
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, "MANIFEST-", 9) == 0)
            snprintf(name, sizeof name, "%.90s", entry->d_name);
    closedir(dir);
    assert_true(name[0] != '\0');
    return name;
}

/* ---- the copy -------------------------------------------------------------------------------- */

void patient_make(struct patient *p, const struct damage_field *field, const char *dir,
                  uint64_t seed)
{
    *p = (struct patient){.field = field, .random = seed, .done_count = field->done_count};
    snprintf(p->dir, sizeof p->dir, "%s", dir);
    p->segments = calloc(field->segment_count, sizeof *p->segments);
    assert_non_null(p->segments);
    copy_tree(field->dir, dir, false);
}

void patient_free(struct patient *p, bool remove_files)
{
    for (size_t i = 0; i < p->field->segment_count; i++) {
        free(p->segments[i].log.data);
        free(p->segments[i].log.gone);
    }
    free(p->segments);
    if (remove_files)
        spool_dir_remove_tree(AT_FDCWD, p->dir);
}

void patient_note(struct patient *p, const char *format, ...)
{
    size_t used = strlen(p->what);
    if (used > 0 && used + 3 < sizeof p->what) {
        memcpy(p->what + used, "; ", 3);
        used += 2;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(p->what + used, sizeof p->what - used, format, args);
    va_end(args);
}

uint32_t patient_below(struct patient *p, size_t limit)
{
    return limit == 0 ? 0 : (uint32_t)(segment_random(&p->random) % limit);
}

struct damage *patient_log(struct patient *p, size_t segment)
{
    struct patient_segment *s = &p->segments[segment];
    if (!s->touched)
        damage_start(&s->log, &p->field->segments[segment].content,
                     &p->field->segments[segment].map, "segment %zu", segment);
    s->touched = true;
    return &s->log;
}

void patient_fill(struct patient *p, struct damage *log, size_t at, size_t size, int byte)
{
    for (size_t i = at; i < at + size && i < log->size; i++)
        log->data[i] = (uint8_t)(byte >= 0 ? (uint32_t)byte : patient_below(p, 256));
}

void damage_mark_gone(struct damage *d, uint32_t owner)
{
    static const uint32_t others[3] = {SEGMENT_OWNER_LINK, SEGMENT_OWNER_HEADER,
                                       SEGMENT_OWNER_SEAL};
    if (owner < d->map->event_count)
        d->gone[owner] = true;
    for (uint32_t k = 0; k < 3; k++)
        if (owner == others[k])
            d->gone[d->map->event_count + k] = true;
}

void damage_gone_across(struct damage *d, size_t at)
{
    size_t before = at, behind = at;
    while (before > 0 && d->map->owner[before - 1] == SEGMENT_OWNER_NONE)
        before--;
    while (behind < d->map->size && d->map->owner[behind] == SEGMENT_OWNER_NONE)
        behind++;
    if (before > 0 && behind < d->map->size && d->map->owner[before - 1] == d->map->owner[behind])
        damage_mark_gone(d, d->map->owner[behind]);
}

void patient_raw(struct patient *p, size_t segment)
{
    struct damage *d = patient_log(p, segment);
    const struct segment_map *map = d->map;
    for (size_t i = 1; i < map->size; i++) { /* a fragment's header, or the end of a block, within a
                                              * frame */
        uint32_t before = map->owner[i - 1], here = map->owner[i];
        if (before == here || before == SEGMENT_OWNER_NONE)
            continue;
        size_t next = i;
        while (next < map->size && map->owner[next] == SEGMENT_OWNER_NONE)
            next++;
        if (next < map->size && map->owner[next] == before)
            damage_mark_gone(d, before);
    }
    p->segments[segment].links_gone = true;
}

/* ---- what must come of it -------------------------------------------------------------------- */

static void write_log(struct patient *p, size_t segment)
{
    struct patient_segment *s = &p->segments[segment];
    if (!s->touched || s->gone || s->log_gone)
        return;
    patient_write(patient_path(p, segment, "000003.log"), s->log.data, s->log.size);
}

static uint32_t limit_of(const struct patient *p, size_t segment)
{
    uint32_t limit = damage_field_linked_count(p->field, segment);
    if (segment + 1 == p->field->segment_count)
        return limit;
    const struct patient_segment *next = &p->segments[segment + 1];
    bool link_gone = next->gone || next->links_gone ||
                     (next->touched && next->log.gone[next->log.map->event_count + LINK]);
    return link_gone ? SPOOL_COUNT_UNKNOWN : limit;
}

static uint32_t done_below(const struct patient *p, size_t segment)
{
    uint32_t first = p->field->segments[segment].first_number;
    return p->done_count > first ? p->done_count - first : 0;
}

static void expect_gone_segment(struct patient *p, size_t segment, uint32_t limit)
{
    struct patient_segment *s = &p->segments[segment];
    bool known = limit != SPOOL_COUNT_UNKNOWN;
    s->count = limit;
    s->lost = known && limit > s->done_below ? limit - s->done_below : 0;
    s->kept = known && s->lost == 0 ? KEPT_NO : KEPT_YES;
}

static void expect_segment(struct patient *p, size_t segment)
{
    struct patient_segment *s = &p->segments[segment];
    uint32_t limit = limit_of(p, segment), count = p->field->segments[segment].content.event_count;
    s->done_below = done_below(p, segment);
    if (s->gone) {
        expect_gone_segment(p, segment, limit);
        return;
    }
    struct damage *d = patient_log(p, segment);
    d->count_limit = limit;
    s->expected = damage_expect(d);
    for (uint32_t i = s->done_below; i < count; i++) {
        s->lost += i < s->expected.must && d->gone[i];
        s->uncertain += i >= s->expected.must && i < s->expected.found && d->gone[i];
    }
    bool must = s->lost + s->uncertain > 0 || s->expected.lost > 0 || !s->expected.header ||
                d->expect == DAMAGE_SOME;
    if (must)
        s->kept = KEPT_YES;
    else if (d->expect == DAMAGE_NONE && s->expected.uncertain == 0)
        s->kept = KEPT_NO;
}

bool patient_must_deliver(const struct patient *p, size_t segment, uint32_t index)
{
    const struct patient_segment *s = &p->segments[segment];
    return !s->gone && index >= s->done_below && !s->log.gone[index];
}

static void sum_up(struct patient *p)
{
    for (size_t i = 0; i < p->field->segment_count; i++) {
        const struct patient_segment *s = &p->segments[i];
        uint32_t count = p->field->segments[i].content.event_count, delivered = 0;
        for (uint32_t k = 0; k < count; k++)
            delivered += patient_must_deliver(p, i, k);
        p->totals.delivered += delivered;
        p->totals.lost += s->lost;
        p->totals.uncertain += s->uncertain;
        p->totals.unknowable += (count > s->done_below ? count - s->done_below : 0) - delivered -
                                s->lost - s->uncertain;
    }
}

void patient_finish(struct patient *p)
{
    for (size_t i = 0; i < p->field->segment_count; i++) {
        struct patient_segment *s = &p->segments[i];
        if (!s->touched && !s->gone) {
            patient_log(p, i)->expect = s->kept == KEPT_YES ? DAMAGE_SOME : DAMAGE_NONE;
            continue; /* the file stays a link */
        }
        write_log(p, i);
        if (s->touched && s->log.compare)
            damage_find_gone(&s->log);
    }
    for (size_t i = 0; i < p->field->segment_count; i++)
        expect_segment(p, i);
    sum_up(p);
}
