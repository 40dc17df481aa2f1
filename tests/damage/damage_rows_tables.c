/* SPDX-License-Identifier: MIT
 * damage_rows_tables.c - segments that somebody opened with LevelDB: their events lie in tables
 * (.ldb), which are damaged. */
#include "tests/damage/damage_rows.h"

#include "tests/damage/damage_phase.h"

#include <dirent.h>
#include <leveldb/c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { TABLES_MAX = 64 };

struct table {
    char path[600];
    uint8_t *data; /* as LevelDB wrote it */
    size_t size;
};

struct place { /* of a frame; table TABLES_MAX: in none */
    uint32_t table;
    size_t at, size;
};

/* In a process of its own: LevelDB starts threads. What opening does: the log's content goes into
 * tables, the log away. */
static void open_with_leveldb(void *arg)
{
    char *error = NULL;
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_compression(options, leveldb_no_compression);
    leveldb_options_set_write_buffer_size(options, 256 << 10);
    leveldb_t *db = leveldb_open(options, arg, &error);
    if (error != NULL)
        phase_fail("%s", error);
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    leveldb_close(db);
    leveldb_options_destroy(options);
}

static size_t list_tables(const char *dir_path, struct table *tables)
{
    size_t count = 0;
    DIR *dir = opendir(dir_path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strstr(entry->d_name, ".ldb") == NULL)
            continue;
        assert_true(count < TABLES_MAX);
        struct table *table = &tables[count++];
        snprintf(table->path, sizeof table->path, "%.400s/%.100s", dir_path, entry->d_name);
        table->data = patient_read(table->path, &table->size);
    }
    closedir(dir);
    return count;
}

static struct place find(const struct table *tables, size_t count, const uint8_t *frame,
                         size_t size)
{
    static struct place last; /* frames stand in order: look behind the one before first */
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t k = i == 0 ? last.table : i - 1;
        size_t from = i == 0 ? last.at : 0;
        const uint8_t *hit =
            k >= count || from > tables[k].size
                ? NULL
                : memmem(tables[k].data + from, tables[k].size - from, frame, size);
        if (hit != NULL)
            return last = (struct place){k, (size_t)(hit - tables[k].data), size};
    }
    return (struct place){TABLES_MAX, 0, size};
}

/* The bytes that an owner has in the log: its frame. */
static size_t gather(const struct segment_map *map, uint32_t owner, uint8_t *out, size_t out_size)
{
    size_t size = 0;
    for (size_t i = 0; i < map->size; i++)
        if (map->owner[i] == owner && size < out_size)
            out[size++] = map->data[i];
    return size;
}

static const char *damage_table(struct patient *p, struct table *table, const struct place *places,
                                uint32_t event_count, uint32_t variant, uint32_t number,
                                uint8_t *data, size_t *size)
{
    size_t at = 0;
    for (uint32_t i = event_count / 3; i < event_count && at == 0; i++)
        if (places[i].table == number)
            at = places[i].at + places[i].size / 2;
    switch (variant) {
    case 0: return "whole";
    case 1: data[at] ^= 1; return "changed in a bit of a value";
    case 2: data[*size - 4] ^= 1; return "changed in its footer's magic";
    case 3: memset(data + *size - 100, 0, 100); return "zeroed in its last 100 bytes";
    case 4: data[*size - 48 - 200] ^= 1; return "changed in its index";
    case 5: *size /= 2; return "cut in the middle";
    case 6:
        memset(data + *size / 2, 0, 4096 < *size / 2 ? 4096 : *size / 2);
        return "zeroed in 4 KiB";
    case 7:
        for (size_t i = *size / 3; i < *size / 3 + 65536 && i < *size; i++)
            data[i] = (uint8_t)patient_below(p, 256);
        return "garbage in 64 KiB";
    case 8: *size = 0; return "empty";
    default:
        *size = 0;
        patient_remove(table->path);
        return "missing";
    }
}

static uint32_t owner_at(uint32_t i, uint32_t event_count)
{
    static const uint32_t others[] = {SEGMENT_OWNER_LINK, SEGMENT_OWNER_HEADER, SEGMENT_OWNER_SEAL};
    return i < event_count ? i : others[i - event_count];
}

static void tables(struct patient *p, size_t segment, uint32_t variant)
{
    static struct table list[TABLES_MAX];
    static struct place places[20000];
    static uint8_t other[2000];
    struct damage *d = patient_log(p, segment);
    uint32_t event_count = d->map->event_count, largest = 0;
    const char *dir = patient_path(p, segment, "");
    /* no link any more */
    patient_write(patient_path(p, segment, "000003.log"), d->map->data, d->map->size);
    phase_must(open_with_leveldb, (void *)(uintptr_t)dir, "open with LevelDB");
    size_t count = list_tables(dir, list);
    assert_true(count > 0 && event_count + 3 < sizeof places / sizeof places[0]);
    for (uint32_t i = 0; i < event_count; i++)
        places[i] = find(list, count, d->writer->events[i].frame, d->writer->events[i].size);
    for (uint32_t i = event_count; i < event_count + 3; i++) {
        size_t size = gather(d->map, owner_at(i, event_count), other, sizeof other);
        places[i] = size == 0 ? (struct place){TABLES_MAX, 0, 0} : find(list, count, other, size);
    }
    for (uint32_t i = 0; i < count; i++)
        largest = list[i].size > list[largest].size ? i : largest;

    struct table *victim = &list[largest];
    uint8_t *data = malloc(victim->size + 1);
    assert_non_null(data);
    memcpy(data, victim->data, victim->size);
    size_t size = victim->size;
    patient_note(p, "the log was made into %zu tables, the largest is %s", count,
                 damage_table(p, victim, places, event_count, variant, largest, data, &size));
    if (size != 0 || access(victim->path, F_OK) == 0)
        patient_write(victim->path, data, size);
    for (uint32_t i = 0; i < event_count + 3; i++)
        if (places[i].table == TABLES_MAX ||
            (places[i].table == largest &&
             (places[i].at + places[i].size > size ||
              memcmp(data + places[i].at, victim->data + places[i].at, places[i].size) != 0)))
            damage_mark_gone(d, owner_at(i, event_count));
    free(data);
    for (size_t i = 0; i < count; i++)
        free(list[i].data);
    d->compare = false;
    d->expect = DAMAGE_SOME;
    p->segments[segment].log_gone = p->segments[segment].links_gone = true;
}

const struct damage_row damage_rows_tables[] = {
    {".ldb tables: value, index, footer, cut, zeroed, empty, missing", 10, false, tables},
    {0},
};
