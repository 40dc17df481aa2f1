/* SPDX-License-Identifier: MIT
 * damage_report.c - checks evidence and loss reports. */
#include "tests/damage/damage_report.h"

#include "tests/damage/damage_phase.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <yajl/yajl_tree.h>

#define REPORT_NAME   "loss-report.json"
#define FIELD_TIME_MS 1757500000000ll

/* ---- files ----------------------------------------------------------------------------------- */

static void take_file(struct evidence *evidence, const char *path, const char *prefix,
                      const char *name)
{
    if (evidence->count == EVIDENCE_FILES_MAX)
        phase_fail("too many files at %s", path);
    struct evidence_file *file = &evidence->files[evidence->count++];
    size_t size;
    uint8_t *data = patient_read(path, &size);
    snprintf(file->name, sizeof file->name, "%.50s%s%.60s", prefix, prefix[0] == '\0' ? "" : "/",
             name);
    file->bytes = size;
    file->xxh3 = XXH3_64bits(data, size);
    free(data);
}

static void take(struct evidence *evidence, const char *dir_path, const char *prefix, int depth)
{
    DIR *dir = opendir(dir_path);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[700];
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%.400s/%.250s", dir_path, entry->d_name);
        if (lstat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode) && depth == 0) {
            take(evidence, path, entry->d_name, 1);
        } else if (S_ISREG(status.st_mode) &&
                   (depth > 0 || strcmp(entry->d_name, REPORT_NAME) != 0)) {
            take_file(evidence, path, prefix, entry->d_name);
        }
    }
    closedir(dir);
}

void evidence_take(struct evidence *evidence, const char *dir)
{
    struct stat status;
    evidence->count = 0;
    take(evidence, dir, "", 0);
    /* it is put into a directory under its name */
    if (lstat(dir, &status) == 0 && S_ISREG(status.st_mode))
        take_file(evidence, dir, "", strrchr(dir, '/') + 1);
}

static const struct evidence_file *find_file(const struct evidence *evidence, const char *name)
{
    for (size_t i = 0; i < evidence->count; i++)
        if (strcmp(evidence->files[i].name, name) == 0)
            return &evidence->files[i];
    return NULL;
}

static void compare_evidence(const struct patient *p, uint64_t id, const struct evidence *before,
                             const struct evidence *now)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct evidence_file *was = &before->files[i], *is = find_file(now, was->name);
        if (is == NULL || is->bytes != was->bytes || is->xxh3 != was->xxh3)
            phase_fail("%s: quarantine/%" PRIu64 "/%s is %s", p->what, id, was->name,
                       is == NULL ? "not there" : "not as it was found");
    }
    if (now->count != before->count)
        phase_fail("%s: quarantine/%" PRIu64 " has %zu files, the segment had %zu", p->what, id,
                   now->count, before->count);
}

/* ---- the report ------------------------------------------------------------------------------ */

static const char *report_path(const struct patient *p, size_t segment)
{
    char name[100];
    snprintf(name, sizeof name, "quarantine/%" PRIu64 "/" REPORT_NAME,
             p->field->segments[segment].id);
    return patient_root_path(p, name);
}

bool damage_report_exists(const struct patient *p, size_t segment)
{
    return access(report_path(p, segment), F_OK) == 0;
}

struct report { /* being checked */
    const struct patient *p;
    size_t segment;
    yajl_val json;
};

static yajl_val member(const struct report *r, const char *name)
{
    const char *path[] = {name, NULL};
    yajl_val value = yajl_tree_get(r->json, path, yajl_t_any);
    if (value == NULL)
        phase_fail("%s: the report has no \"%s\"", r->p->what, name);
    return value;
}

/* NULL when it isn't one: yajl's own macros warn. */
static const char *string_of(yajl_val value)
{
    return value != NULL && value->type == yajl_t_string ? value->u.string : NULL;
}

static size_t length_of(yajl_val value)
{
    return value != NULL && value->type == yajl_t_array ? value->u.array.len : 0;
}

static uint64_t number(const struct report *r, const char *name)
{
    yajl_val value = member(r, name);
    if (!YAJL_IS_INTEGER(value) || YAJL_GET_INTEGER(value) < 0)
        phase_fail("%s: the report's \"%s\" is no number", r->p->what, name);
    return (uint64_t)YAJL_GET_INTEGER(value);
}

static void must_be(const struct report *r, const char *name, uint64_t expected)
{
    uint64_t is = number(r, name);
    if (is != expected)
        phase_fail("%s: the report says \"%s\":%" PRIu64 ", should be %" PRIu64, r->p->what, name,
                   is, expected);
}

static void must_say(const struct report *r, const char *name, const char *expected)
{
    yajl_val value = member(r, name);
    if (string_of(value) == NULL || strcmp(string_of(value), expected) != 0)
        phase_fail("%s: the report's \"%s\" is not \"%s\"", r->p->what, name, expected);
}

/* The ids in the ranges must be exactly those missing at or above the cursor, in [from, below). */
static void check_ranges(const struct report *r, const char *name, uint64_t total, uint32_t from,
                         uint32_t below)
{
    const struct patient_segment *s = &r->p->segments[r->segment];
    uint64_t segment_id = r->p->field->segments[r->segment].id, sum = 0, before = 0;
    yajl_val ranges = member(r, name);
    if (ranges->type != yajl_t_array)
        phase_fail("%s: the report's \"%s\" is no list", r->p->what, name);
    for (size_t i = 0; i < length_of(ranges); i++) {
        const char *first_path[] = {"first", NULL}, *last_path[] = {"last", NULL};
        yajl_val first_value = yajl_tree_get(ranges->u.array.values[i], first_path, yajl_t_string);
        yajl_val last_value = yajl_tree_get(ranges->u.array.values[i], last_path, yajl_t_string);
        if (first_value == NULL || last_value == NULL)
            phase_fail("%s: the report's \"%s\" has a range without strings", r->p->what, name);
        uint64_t first = strtoull(string_of(first_value), NULL, 10),
                 last = strtoull(string_of(last_value), NULL, 10);
        if (first > last || first <= before || spool_id_segment(first) != segment_id ||
            spool_id_segment(last) != segment_id || spool_id_index(first) < from ||
            spool_id_index(last) >= below)
            phase_fail("%s: the report's \"%s\" has the range %" PRIu64 "-%" PRIu64
                       " (indexes %u-%u), not in %u-%u",
                       r->p->what, name, first, last, spool_id_index(first), spool_id_index(last),
                       from, below);
        for (uint64_t id = first; id <= last; id++)
            if (!s->gone && spool_id_index(id) < s->log.map->event_count &&
                !s->log.gone[spool_id_index(id)])
                phase_fail("%s: the report's \"%s\" names event %u, which is intact", r->p->what,
                           name, spool_id_index(id));
        sum += last - first + 1;
        before = last;
    }
    if (sum != total)
        phase_fail("%s: the report's \"%s\" names %" PRIu64 " events, should be %" PRIu64,
                   r->p->what, name, sum, total);
}

static void check_files(const struct report *r, const struct evidence *now, bool checksums)
{
    yajl_val files = member(r, "files");
    if (files->type != yajl_t_array || length_of(files) != now->count)
        phase_fail("%s: the report lists %zu files, there are %zu", r->p->what, length_of(files),
                   now->count);
    for (size_t i = 0; i < now->count; i++) {
        const char *name_path[] = {"name", NULL}, *bytes_path[] = {"bytes", NULL},
                   *xxh3_path[] = {"xxh3", NULL};
        yajl_val file = files->u.array.values[i];
        yajl_val name = yajl_tree_get(file, name_path, yajl_t_string),
                 bytes = yajl_tree_get(file, bytes_path, yajl_t_number);
        yajl_val xxh3 = yajl_tree_get(file, xxh3_path, yajl_t_any);
        const struct evidence_file *is = name == NULL ? NULL : find_file(now, string_of(name));
        if (is == NULL || bytes == NULL || (uint64_t)YAJL_GET_INTEGER(bytes) != is->bytes)
            phase_fail("%s: the report's file %zu is not in quarantine with that size", r->p->what,
                       i);
        if (checksums ? string_of(xxh3) == NULL || strtoull(string_of(xxh3), NULL, 16) != is->xxh3
                      : xxh3 == NULL)
            phase_fail("%s: the report's checksum of %s is not that of the file", r->p->what,
                       is->name);
    }
}

static void check_times(const struct report *r)
{
    const struct patient_segment *s = &r->p->segments[r->segment];
    uint32_t first_number = r->p->field->segments[r->segment].first_number, low = UINT32_MAX,
             high = 0;
    for (uint32_t i = 0; i < s->log.map->event_count && i < s->log.count_limit; i++)
        if (!s->log.gone[i]) {
            low = low == UINT32_MAX ? i : low;
            high = i;
        }
    must_be(r, "first_time_ms", low == UINT32_MAX ? 0 : FIELD_TIME_MS + first_number + low);
    must_be(r, "last_time_ms", low == UINT32_MAX ? 0 : FIELD_TIME_MS + first_number + high);
}

static void check_damaged(const struct report *r)
{
    const struct patient_segment *s = &r->p->segments[r->segment];
    must_say(r, "kind", "damaged");
    must_say(r, "evidence", "kept");
    if (number(r, "events_recovered") + number(r, "events_delivered_before") != s->expected.intact)
        phase_fail("%s: the report says %" PRIu64 " recovered and %" PRIu64
                   " delivered before, %" PRIu64 " are intact",
                   r->p->what, number(r, "events_recovered"), number(r, "events_delivered_before"),
                   s->expected.intact);
    must_be(r, "events_uncertain", s->uncertain);
    check_ranges(r, "lost", s->lost, s->done_below, s->expected.must);
    check_ranges(r, "uncertain", s->uncertain, s->expected.must, s->expected.found);
    (void)number(r, "bytes_unreadable");
    check_times(r);
}

static void check_vanished(const struct report *r)
{
    const struct patient_segment *s = &r->p->segments[r->segment];
    must_say(r, "kind", "vanished");
    must_be(r, "events_recovered", 0);
    must_be(r, "events_uncertain", 0);
    if ((member(r, "count_known")->type == yajl_t_true) != (s->count != SPOOL_COUNT_UNKNOWN))
        phase_fail("%s: the report's \"count_known\" is wrong", r->p->what);
    check_ranges(r, "lost", s->lost, s->done_below, s->count);
}

static void check_report(struct report *r, const struct evidence *now, bool checksums)
{
    char id[32];
    const struct patient_segment *s = &r->p->segments[r->segment];
    snprintf(id, sizeof id, "%" PRIu64, r->p->field->segments[r->segment].id);
    must_be(r, "version", 1);
    must_say(r, "spool_id", r->p->field->uuid);
    must_say(r, "segment", id);
    must_be(r, "events_lost", s->lost);
    if (member(r, "lost_ids_truncated")->type != yajl_t_false)
        phase_fail("%s: the report says that ids are missing in it", r->p->what);
    if (number(r, "written_ms") < 1700000000000ull)
        phase_fail("%s: the report was written at no time", r->p->what);
    if (s->gone)
        check_vanished(r);
    else
        check_damaged(r);
    check_files(r, now, checksums);
}

void damage_report_check(const struct patient *p, size_t segment, const struct evidence *before,
                         bool checksums)
{
    char name[64], error[300];
    struct evidence now;
    size_t size;
    const struct patient_segment *s = &p->segments[segment];
    snprintf(name, sizeof name, "quarantine/%" PRIu64, p->field->segments[segment].id);
    evidence_take(&now, patient_root_path(p, name));
    if (!s->gone)
        compare_evidence(p, p->field->segments[segment].id, before, &now);
    uint8_t *text = patient_read(report_path(p, segment), &size);
    text[size] = '\0';
    struct report r = {
        .p = p, .segment = segment, .json = yajl_tree_parse((char *)text, error, sizeof error)};
    if (r.json == NULL)
        phase_fail("%s: the report is no JSON: %s", p->what, error);
    check_report(&r, &now, checksums);
    if (p->has_flip && s->lost + s->uncertain > 1)
        phase_fail("%s: one flipped byte costs %" PRIu64 " events", p->what,
                   s->lost + s->uncertain);
    yajl_tree_free(r.json);
    free(text);
}
