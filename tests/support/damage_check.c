/* SPDX-License-Identifier: MIT
 * damage_check.c - damage a log, read it, and compare with what must be. */
#include "tests/support/damage_check.h"

#include "spool/disk/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { LINK, HEADER, SEAL, OTHERS }; /* behind the events in gone[] */

static size_t slot_of(const struct damage *d, uint32_t owner)
{
    uint32_t count = d->map->event_count;
    return owner == SEGMENT_OWNER_LINK     ? count + LINK
           : owner == SEGMENT_OWNER_HEADER ? count + HEADER
           : owner == SEGMENT_OWNER_SEAL   ? count + SEAL
                                           : owner;
}

void damage_start(struct damage *d, const struct segment_writer *w, const struct segment_map *map,
                  const char *format, ...)
{
    *d = (struct damage){
        .writer = w, .map = map, .compare = true, .count_limit = SPOOL_COUNT_UNKNOWN};
    va_list args;
    va_start(args, format);
    vsnprintf(d->what, sizeof d->what, format, args);
    va_end(args);
    d->data = malloc(map->size + 1);
    d->gone = calloc(map->event_count + OTHERS, sizeof *d->gone);
    assert_true(d->data != NULL && d->gone != NULL);
    memcpy(d->data, map->data, map->size);
    d->size = map->size;
}

/* ---- kinds of damage ------------------------------------------------------------------------- */

void damage_fill(struct damage *d, size_t at, size_t size, int byte)
{
    static uint64_t state = 99;
    for (size_t i = at; i < at + size && i < d->size; i++)
        d->data[i] = (uint8_t)(byte >= 0 ? byte : (int)(segment_random(&state) & 0xff));
}

void damage_flip(struct damage *d, size_t at, uint8_t bits)
{
    assert_true(at < d->size && bits != 0);
    d->data[at] ^= bits;
}

void damage_cut(struct damage *d, size_t size)
{
    if (size < d->size)
        d->size = size;
}

void damage_append(struct damage *d, size_t size, int byte)
{
    size_t at = d->size;
    d->data = realloc(d->data, d->size + size);
    assert_non_null(d->data);
    d->size += size;
    damage_fill(d, at, size, byte);
}

void damage_find_gone(struct damage *d)
{
    for (size_t i = 0; i < d->map->size; i++) {
        if (i % 4096 == 0 && i + 4096 <= d->map->size && i + 4096 <= d->size &&
            memcmp(d->data + i, d->map->data + i, 4096) == 0) {
            i += 4095;
            continue;
        }
        if (d->map->owner[i] != SEGMENT_OWNER_NONE &&
            (i >= d->size || d->data[i] != d->map->data[i]))
            d->gone[slot_of(d, d->map->owner[i])] = true;
    }
}

void damage_take_out(struct damage *d, size_t at, size_t size)
{
    for (size_t i = at; i < at + size; i++)
        if (d->map->owner[i] != SEGMENT_OWNER_NONE)
            d->gone[slot_of(d, d->map->owner[i])] = true;
    memmove(d->data + at, d->data + at + size, d->size - at - size);
    d->size -= size;
    d->compare = false;
}

/* ---- reading back ---------------------------------------------------------------------------- */

static void take_chunk(const struct spool_chunk *chunk, const struct segment_writer *w,
                       struct damage_seen *seen, uint64_t *last_id)
{
    struct spool_event event;
    uint32_t count = 0;
    for (size_t pos = 0, before = 0; spool_chunk_next(chunk, &pos, &event); before = pos, count++) {
        uint32_t index = spool_id_index(event.id);
        if (spool_id_segment(event.id) != SEGMENT_ID || index >= w->event_count)
            fail_msg("an event %lu that was never written", (unsigned long)event.id);
        const struct segment_event *wrote = &w->events[index];
        if (pos - before != wrote->size ||
            memcmp(chunk->data + before, wrote->frame, wrote->size) != 0)
            fail_msg("event %u is not what was written", index);
        if (seen->events[index])
            fail_msg("event %u came twice", index);
        seen->events[index] = true;
        seen->ordered = seen->ordered && (seen->count == 0 || event.id > *last_id);
        *last_id = event.id;
        seen->count++;
        seen->salvaged += event.salvaged;
        if (count == 0)
            assert_int_equal(chunk->first_id, event.id);
    }
    assert_int_equal(chunk->event_count, count);
    assert_true(count > 0);
    assert_int_equal(chunk->last_id, *last_id);
}

void damage_read(struct spool_reader *reader, const struct segment_writer *w, uint64_t log_bytes,
                 struct damage_seen *seen)
{
    struct spool_chunk *chunk = NULL;
    struct errmsg msg = {""};
    enum err rc;
    uint64_t last_id = 0;
    while ((rc = spool_reader_next(reader, log_bytes, &chunk, &msg)) == ERR_OK) {
        take_chunk(chunk, w, seen, &last_id);
        spool_chunk_unref(chunk);
    }
    if (rc != ERR_END)
        fail_msg("reading failed: %s", msg.text);
}

/* ---- what must be ---------------------------------------------------------------------------- */

struct damage_expected damage_expect(const struct damage *d)
{
    uint32_t count = d->map->event_count, limit = d->count_limit < count ? d->count_limit : count;
    struct damage_expected e = {.sealed = d->map->sealed && !d->gone[count + SEAL] &&
                                          d->count_limit >= count,
                                .header = !d->gone[count + HEADER]};
    for (uint32_t i = 0; i < limit; i++)
        if (!d->gone[i]) {
            e.found = i + 1;
            e.intact++;
            if (d->writer->events[i].batch_first > e.must)
                e.must = d->writer->events[i].batch_first;
        }
    if (e.sealed && count > e.must)
        e.must = count;
    if (d->count_limit != SPOOL_COUNT_UNKNOWN && d->count_limit > e.must)
        e.must = d->count_limit;
    for (uint32_t i = 0; i < e.must; i++)
        e.lost += i >= count || d->gone[i];
    for (uint32_t i = e.must; i < e.found; i++)
        e.uncertain += d->gone[i];
    return e;
}

static void check_ranges(const struct damage *d, const struct spool_ranges *ranges, uint64_t total,
                         uint32_t from, uint32_t below)
{
    uint64_t sum = 0;
    uint32_t last = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        struct spool_range range = ranges->items[i];
        if (range.first > range.last || range.first < from || range.last >= below ||
            (i > 0 && range.first <= last + 1))
            fail_msg("%s: range %u-%u is out of order or out of %u-%u", d->what, range.first,
                     range.last, from, below);
        for (uint32_t index = range.first; index <= range.last; index++)
            if (index < d->map->event_count && !d->gone[index])
                fail_msg("%s: event %u is reported missing, but it is intact", d->what, index);
        sum += range.last - range.first + 1;
        last = range.last;
    }
    if (sum != total || ranges->total != total)
        fail_msg("%s: %lu events reported missing (total says %lu), should be %lu", d->what,
                 (unsigned long)sum, (unsigned long)ranges->total, (unsigned long)total);
}

static void check_findings(const struct damage *d, const struct spool_findings *findings)
{
    struct damage_expected e = damage_expect(d);
    check_ranges(d, &findings->lost, e.lost, 0, e.must);
    check_ranges(d, &findings->uncertain, e.uncertain, e.must, e.found);
    if (findings->event_count != e.intact || findings->sealed != e.sealed ||
        findings->header_found != e.header ||
        (e.found > 0 && findings->highest_index != e.found - 1))
        fail_msg(
            "%s: found %lu events up to %u, sealed %d, header %d; should be %lu up to %u, %d, %d",
            d->what, (unsigned long)findings->event_count, findings->highest_index,
            findings->sealed, findings->header_found, (unsigned long)e.intact, e.found - 1,
            e.sealed, e.header);
    bool must = e.lost > 0 || !findings->header_found || d->expect == DAMAGE_SOME;
    if ((must && !findings->damaged) || (!must && d->expect == DAMAGE_NONE && findings->damaged))
        fail_msg("%s: damaged is %d (%lu bytes)", d->what, findings->damaged,
                 (unsigned long)findings->damaged_bytes);
}

static void check_seen(const struct damage *d, const struct damage_seen *seen)
{
    uint32_t limit = d->count_limit < d->map->event_count ? d->count_limit : d->map->event_count;
    for (uint32_t i = 0; i < d->map->event_count; i++) {
        bool should = !d->gone[i] && i >= d->first_index && i < limit;
        if (seen->events[i] != should)
            fail_msg("%s: event %u (of %u, at byte %zu) was %s", d->what, i, d->map->event_count,
                     segment_map_offset(d->map, i),
                     should ? "lost, but none of its bytes changed"
                            : "delivered, but should not be");
    }
}

static void remove_others(const char *dir_path)
{
    DIR *dir = opendir(dir_path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strstr(entry->d_name, ".log") == NULL && entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

void damage_check(struct damage *d)
{
    if (d->compare)
        damage_find_gone(d);
    segment_write_file(d->writer->log_path, d->data, d->size);
    if (!d->keep_rest) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", d->writer->dir, SEGMENT_NAME);
        remove_others(path);
    }
    struct spool_reader_options options = segment_options(d->writer);
    options.first_index = d->first_index;
    options.count_limit = d->count_limit;
    struct spool_reader *reader = NULL;
    assert_int_equal(spool_reader_open(&options, &reader, NULL), ERR_OK);
    struct damage_seen seen = {.events = calloc(d->map->event_count + 1, 1), .ordered = true};
    damage_read(reader, d->writer, SPOOL_READ_TO_END, &seen);
    check_seen(d, &seen);
    check_findings(d, spool_reader_findings(reader));
    spool_reader_close(reader);
    free(seen.events);
    free(d->data);
    free(d->gone);
    d->data = NULL;
}
