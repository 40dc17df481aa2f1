/* SPDX-License-Identifier: MIT
 * test_spool_damage.c - the damage matrix: whatever is done to a segment's bytes, the reader returns exactly the events whose own
 * bytes were not touched, each once and byte for byte, and names the others.
 *
 * Segments are written by the real spool through real LevelDB, in batches of 1, 10 and 100 events. Which events a damage touches is
 * worked out by tests/support/log_map.c. More rounds: PENSTOCK_DAMAGE_ROUNDS; the same again: PENSTOCK_SEED. */
#include "tests/support/log_map.h"
#include "tests/support/spool_fixture.h"

#include "base/random.h"
#include "base/codec.h"
#include "spool/spool_identity.h"
#include "spool/spool_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { EVENTS = 4000 };

/* One segment of a stopped spool, and a second directory in which copies of it are damaged. */
struct bench {
    struct spool_fixture spool;
    uint64_t segment_id, seed;
    char log_path[700], copy_dir[700], copy_log[700];
    int copy_parent;
    struct log_map map;
};

static uint64_t rng;

static uint64_t next_random(uint64_t below)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % below;
}

static void find_log(struct bench *b, const char *segments)
{
    char path[600];
    DIR *dir = opendir(segments);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            b->segment_id = strtoull(entry->d_name, NULL, 10);
    closedir(dir);
    snprintf(path, sizeof path, "%s/%lu", segments, b->segment_id);
    dir = opendir(path);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strstr(entry->d_name, ".log") != NULL) {
            snprintf(b->log_path, sizeof b->log_path, "%s/%.40s", path, entry->d_name);
            snprintf(b->copy_log, sizeof b->copy_log, "%s/copies/%lu/%.40s", b->spool.dir, b->segment_id, entry->d_name);
        }
    closedir(dir);
}

static void bench_init(struct bench *b, uint32_t per_batch, bool sealed)
{
    *b = (struct bench){0};
    spool_fixture_init(&b->spool);
    spool_fixture_open(&b->spool);
    for (uint32_t i = 0; i < EVENTS; i += per_batch) {
        char prefix[60];
        snprintf(prefix, sizeof prefix, "%u-some-value-with-a-few-more-bytes-%u-", i, i * 7919);
        assert_int_equal(spool_fixture_append(&b->spool, "topic", prefix, per_batch).err, ERR_OK);
    }
    char segments[400], command[1300];
    snprintf(b->copy_dir, sizeof b->copy_dir, "%s/copies", b->spool.dir);
    snprintf(segments, sizeof segments, "%s/%s", b->spool.dir, sealed ? "segments" : "live");
    if (!sealed) { /* as kill -9 leaves it */
        snprintf(command, sizeof command, "cp -a '%s/segments' '%s'", b->spool.dir, segments);
        assert_int_equal(system(command), 0);
    }
    spool_fixture_close(&b->spool);
    int root = open(b->spool.dir, O_RDONLY | O_DIRECTORY);
    struct spool_identity identity;
    assert_int_equal(spool_identity_read(root, &identity, NULL), ERR_OK);
    close(root);
    b->seed = identity.seed;
    find_log(b, segments);
    snprintf(command, sizeof command, "cp -a '%s' '%s'", segments, b->copy_dir);
    assert_int_equal(system(command), 0);
    b->copy_parent = open(b->copy_dir, O_RDONLY | O_DIRECTORY);
    log_map_read(&b->map, b->log_path);
    assert_int_equal(b->map.event_count, EVENTS);
}

static void bench_done(struct bench *b)
{
    close(b->copy_parent);
    log_map_free(&b->map);
    spool_fixture_done(&b->spool);
}

static void put_log(const struct bench *b, const uint8_t *log, size_t size)
{
    int fd = open(b->copy_log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, log, size), size);
    close(fd);
}

/* ---- reading and comparing ------------------------------------------------------------------------------------------- */

struct outcome {
    uint8_t *times_seen; /* per event of the map */
    uint64_t count, lost, uncertain, salvaged;
    uint8_t lost_or_uncertain[EVENTS];
    bool damaged, sealed;
};

static void note_ranges(const struct spool_ranges *ranges, struct outcome *outcome)
{
    for (size_t i = 0; i < ranges->count; i++)
        for (uint32_t index = ranges->items[i].first; index <= ranges->items[i].last && index < EVENTS; index++)
            outcome->lost_or_uncertain[index] = 1;
}

static struct outcome read_copy(const struct bench *b)
{
    struct outcome outcome = {.times_seen = calloc(EVENTS, 1)};
    char name[32];
    snprintf(name, sizeof name, "%lu", b->segment_id);
    struct spool_reader_options options = {.parent_fd = b->copy_parent, .name = name, .segment_id = b->segment_id,
                                           .seed = b->seed, .count_limit = SPOOL_COUNT_UNKNOWN};
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    assert_int_equal(spool_reader_open(&options, &reader, NULL), ERR_OK);
    enum err rc;
    while ((rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL)) == ERR_OK) {
        size_t at = 0;
        struct spool_event event;
        for (size_t before = 0; before = at, spool_chunk_next(chunk, &at, &event);) {
            uint32_t index = spool_id_index(event.id);
            const struct log_map_event *known = &b->map.events[index];
            assert_true(index < EVENTS);
            assert_int_equal(known->index, index);
            assert_int_equal(at - before, known->size);
            assert_memory_equal(chunk->data + before, b->map.stream + known->start, known->size); /* byte for byte */
            outcome.times_seen[index]++;
            outcome.count++;
            outcome.salvaged += event.salvaged;
        }
        spool_chunk_unref(chunk);
    }
    assert_int_equal(rc, ERR_END);
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_int_equal(findings->event_count, outcome.count);
    outcome.lost = findings->lost.total;
    outcome.uncertain = findings->uncertain.total;
    outcome.damaged = findings->damaged;
    outcome.sealed = findings->sealed;
    note_ranges(&findings->lost, &outcome);
    note_ranges(&findings->uncertain, &outcome);
    spool_reader_close(reader);
    return outcome;
}

/* The claim itself. What is missing must be in a range, unless it lies behind everything that was found. With copies of blocks
 * elsewhere in the log an event may be whole there though its own place is damaged. */
static void assert_exact(const struct bench *b, const uint8_t *log, size_t size, bool copies, const char *what)
{
    put_log(b, log, size);
    struct outcome outcome = read_copy(b);
    uint32_t highest = 0;
    for (size_t i = 0; i < EVENTS; i++)
        if (outcome.times_seen[i] > 0)
            highest = (uint32_t)i;
    for (size_t i = 0; i < EVENTS; i++) {
        bool untouched = log_map_untouched(&b->map, i, log, size);
        bool as_expected = outcome.times_seen[i] == untouched || (copies && outcome.times_seen[i] == 1);
        if (!as_expected)
            fail_msg("%s: event %zu %s, but was seen %d times (PENSTOCK_SEED=%s)", what, i, untouched ? "is intact" : "is damaged",
                     outcome.times_seen[i], getenv("PENSTOCK_SEED") ? getenv("PENSTOCK_SEED") : "default");
        if (outcome.times_seen[i] == 0 && i < highest && !outcome.lost_or_uncertain[i])
            fail_msg("%s: event %zu is missing and in no range", what, i);
        if (outcome.times_seen[i] > 0 && outcome.lost_or_uncertain[i])
            fail_msg("%s: event %zu is there and called lost", what, i);
    }
    free(outcome.times_seen);
}

/* ---- damages ------------------------------------------------------------------------------------------------------------ */

static void damage_at_random(uint8_t *log, size_t *size, const uint8_t *original, size_t original_size, char *what, size_t what_size)
{
    size_t at = next_random(*size), length;
    switch (next_random(7)) {
    case 0:
        log[at] ^= (uint8_t)(1u << next_random(8));
        snprintf(what, what_size, "bit at %zu", at);
        break;
    case 1: case 2:
        length = 512u << next_random(8);
        length = at + length > *size ? *size - at : length;
        memset(log + at, 0, length);
        snprintf(what, what_size, "%zu zeros at %zu", length, at);
        break;
    case 3: case 4:
        length = 512u << next_random(8);
        length = at + length > *size ? *size - at : length;
        for (size_t i = 0; i < length; i++)
            log[at + i] = (uint8_t)next_random(256);
        snprintf(what, what_size, "%zu of garbage at %zu", length, at);
        break;
    case 5: { /* an older block of the same log over another */
        size_t blocks = original_size / 32768, from = blocks == 0 ? 0 : next_random(blocks), to = blocks == 0 ? 0 : next_random(blocks);
        if (blocks > 0)
            memcpy(log + to * 32768, original + from * 32768, 32768);
        snprintf(what, what_size, "block %zu over block %zu", from, to);
        break;
    }
    default:
        *size = at;
        snprintf(what, what_size, "cut at %zu", at);
    }
}

static void random_damages(uint32_t per_batch, bool sealed)
{
    struct bench b;
    bench_init(&b, per_batch, sealed);
    const char *rounds_text = getenv("PENSTOCK_DAMAGE_ROUNDS"), *seed_text = getenv("PENSTOCK_SEED");
    int rounds = rounds_text == NULL ? 350 : atoi(rounds_text);
    rng = seed_text == NULL ? 88172645463325252ull : strtoull(seed_text, NULL, 10);
    uint8_t *log = malloc(b.map.log_size);
    for (int round = 0; round < rounds; round++) {
        char what[200] = "";
        size_t size = b.map.log_size;
        memcpy(log, b.map.log, size);
        for (uint64_t n = 1 + next_random(3); n > 0; n--) {
            char one[80] = "";
            if (size > 0)
                damage_at_random(log, &size, b.map.log, b.map.log_size, one, sizeof one);
            strncat(what, one, sizeof what - strlen(what) - 3);
            strcat(what, "; ");
        }
        assert_exact(&b, log, size, strstr(what, "over block") != NULL, what);
    }
    free(log);
    bench_done(&b);
}

static void test_undamaged_segments_are_read_whole_in_order(void **state)
{
    (void)state;
    for (uint32_t per_batch = 1; per_batch <= 100; per_batch *= 10)
        for (int sealed = 0; sealed < 2; sealed++) {
            struct bench b;
            bench_init(&b, per_batch, sealed);
            struct outcome outcome = read_copy(&b);
            assert_int_equal(outcome.count, EVENTS);
            assert_int_equal(outcome.lost + outcome.uncertain + outcome.salvaged, 0);
            assert_false(outcome.damaged);
            assert_int_equal(outcome.sealed, sealed);
            free(outcome.times_seen);
            bench_done(&b);
        }
}

static void test_cut_anywhere_costs_only_what_is_cut(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 10, false);
    for (size_t i = 0; i < 300; i++) {
        size_t boundary = 32768 * (1 + next_random(b.map.log_size / 32768 - 1));
        size_t size = i < 40 ? boundary - 20 + i : i < 60 ? b.map.log_size - (i - 39) : next_random(b.map.log_size);
        char what[60];
        snprintf(what, sizeof what, "cut at %zu", size);
        assert_exact(&b, b.map.log, size, false, what);
    }
    bench_done(&b);
}

static void test_a_torn_end_is_no_damage(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 100, false);
    put_log(&b, b.map.log, b.map.log_size - 30);
    struct outcome outcome = read_copy(&b);
    assert_int_equal(outcome.count, EVENTS - 1);
    assert_int_equal(outcome.lost, 0);
    assert_false(outcome.damaged);
    free(outcome.times_seen);
    bench_done(&b);
}

static void test_every_kind_of_byte_of_a_fragment_flipped_costs_at_most_one_event(void **state)
{
    (void)state;
    for (uint32_t per_batch = 1; per_batch <= 100; per_batch *= 10) {
        struct bench b;
        bench_init(&b, per_batch, true);
        uint8_t *log = malloc(b.map.log_size);
        for (int block = 1; block < 6; block++)
            for (size_t at = (size_t)block * 32768; at < (size_t)block * 32768 + 80; at++)
                for (int bit = 0; bit < 8; bit += 3) {
                    memcpy(log, b.map.log, b.map.log_size);
                    log[at] ^= (uint8_t)(1 << bit);
                    put_log(&b, log, b.map.log_size);
                    struct outcome outcome = read_copy(&b);
                    assert_true(outcome.lost <= 1);
                    assert_int_equal(outcome.count + outcome.lost, EVENTS);
                    assert_int_equal(outcome.uncertain, 0);
                    free(outcome.times_seen);
                }
        free(log);
        bench_done(&b);
    }
}

static void test_random_damages_batches_of_1(void **state) { (void)state; random_damages(1, true); }
static void test_random_damages_batches_of_10(void **state) { (void)state; random_damages(10, false); }
static void test_random_damages_batches_of_100(void **state) { (void)state; random_damages(100, true); }

static void test_appended_zeros_and_garbage_cost_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 10, true);
    uint8_t *log = calloc(1, b.map.log_size + 65536);
    memcpy(log, b.map.log, b.map.log_size);
    assert_exact(&b, log, b.map.log_size + 65536, false, "64 KiB of zeros appended");
    for (size_t i = 0; i < 5000; i++)
        log[b.map.log_size + i] = (uint8_t)next_random(256);
    assert_exact(&b, log, b.map.log_size + 5000, false, "5000 bytes of garbage appended");
    free(log);
    bench_done(&b);
}

/* What LevelDB leaves when a write was short and it went on: everything behind is shifted against the blocks. */
static void test_bytes_that_are_missing_in_the_middle_cost_only_their_events(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 10, true);
    uint8_t *log = malloc(b.map.log_size);
    for (int round = 0; round < 20; round++) {
        size_t cut = 100000 + next_random(100000), size = 1 + next_random(3000);
        memcpy(log, b.map.log, cut);
        memcpy(log + cut, b.map.log + cut + size, b.map.log_size - cut - size);
        put_log(&b, log, b.map.log_size - size);
        struct outcome outcome = read_copy(&b);
        uint64_t intact = 0;
        for (size_t i = 0; i < EVENTS; i++) {
            const struct log_map_event *e = &b.map.events[i];
            size_t first = b.map.offsets[e->start], last = b.map.offsets[e->start + e->size - 1];
            intact += last < cut || first >= cut + size;
        }
        if (outcome.count < intact)
            fail_msg("%zu bytes gone at %zu: %lu of %lu intact events found", size, cut, outcome.count, intact);
        assert_int_equal(outcome.count + outcome.lost, EVENTS);
        free(outcome.times_seen);
    }
    free(log);
    bench_done(&b);
}

static void test_missing_and_odd_files_are_findings(void **state)
{
    (void)state;
    struct bench b;
    char command[1600];
    bench_init(&b, 100, true);
    static const char *const names[] = {"CURRENT", "MANIFEST-000002", "LOCK", "LOG"};
    for (size_t i = 0; i < 4; i++) { /* LevelDB's own files don't matter */
        snprintf(command, sizeof command, "rm -rf '%s/%lu/%s' && mkdir '%s/%lu/%s'", b.copy_dir, b.segment_id, names[i], b.copy_dir,
                 b.segment_id, names[i]);
        assert_int_equal(system(command), 0);
    }
    assert_exact(&b, b.map.log, b.map.log_size, false, "CURRENT, MANIFEST, LOCK, LOG are directories");
    unlink(b.copy_log);
    struct outcome outcome = read_copy(&b);
    assert_int_equal(outcome.count, 0);
    assert_true(outcome.damaged);
    free(outcome.times_seen);
    snprintf(command, sizeof command, "mkdir '%s'", b.copy_log);
    assert_int_equal(system(command), 0);
    outcome = read_copy(&b);
    assert_int_equal(outcome.count, 0);
    assert_true(outcome.damaged);
    free(outcome.times_seen);
    snprintf(command, sizeof command, "rm -rf '%s/%lu' && touch '%s/%lu'", b.copy_dir, b.segment_id, b.copy_dir, b.segment_id);
    assert_int_equal(system(command), 0);
    outcome = read_copy(&b);
    assert_int_equal(outcome.count, 0);
    assert_true(outcome.damaged);
    free(outcome.times_seen);
    bench_done(&b);
}

static void test_an_unreadable_file_is_not_lost(void **state)
{
    (void)state;
    if (getuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0))
        skip(); /* root may read anything */
    char dir[] = "/tmp/penstock-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[100];
    snprintf(path, sizeof path, "%s/77", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/77/000003.log", dir);
    close(open(path, O_CREAT | O_WRONLY, 0000));
    int parent = open(dir, O_RDONLY | O_DIRECTORY);
    struct spool_reader_options options = {.parent_fd = parent, .name = "77", .segment_id = 77, .count_limit = SPOOL_COUNT_UNKNOWN};
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    assert_int_equal(spool_reader_open(&options, &reader, NULL), ERR_OK);
    assert_int_equal(spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL), ERR_UNREADABLE);
    chmod(path, 0600);
    assert_int_equal(spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL), ERR_END); /* the same call again */
    spool_reader_close(reader);
    close(parent);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
    assert_true(seteuid(getuid()) == 0 && setegid(getgid()) == 0);
}

static void test_frames_of_others_and_forged_ones_are_not_returned(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 100, true);
    /* Whole, intact frames with another segment's id, and this segment's frames with a wrong seed, in place of a block. */
    uint8_t *log = malloc(b.map.log_size);
    memcpy(log, b.map.log, b.map.log_size);
    const struct log_map_event *e = &b.map.events[1000];
    uint8_t frame[4096];
    for (int forged = 0; forged < 2; forged++) {
        memcpy(frame, b.map.stream + e->start, e->size);
        spool_frame_stamp(frame, spool_id_of(b.segment_id + !forged, 5), 0, b.seed + (uint64_t)forged);
        for (size_t at = 65536 + 100; at + e->size < 65536 + 20000; at += e->size)
            memcpy(log + at, frame, e->size);
        assert_exact(&b, log, b.map.log_size, false, forged ? "frames with a wrong seed" : "frames of another segment");
    }
    free(log);
    bench_done(&b);
}

int main(void)
{
    rng = 4101842887655102017ull;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undamaged_segments_are_read_whole_in_order),
        cmocka_unit_test(test_cut_anywhere_costs_only_what_is_cut),
        cmocka_unit_test(test_a_torn_end_is_no_damage),
        cmocka_unit_test(test_every_kind_of_byte_of_a_fragment_flipped_costs_at_most_one_event),
        cmocka_unit_test(test_random_damages_batches_of_1),
        cmocka_unit_test(test_random_damages_batches_of_10),
        cmocka_unit_test(test_random_damages_batches_of_100),
        cmocka_unit_test(test_appended_zeros_and_garbage_cost_nothing),
        cmocka_unit_test(test_bytes_that_are_missing_in_the_middle_cost_only_their_events),
        cmocka_unit_test(test_missing_and_odd_files_are_findings),
        cmocka_unit_test(test_an_unreadable_file_is_not_lost),
        cmocka_unit_test(test_frames_of_others_and_forged_ones_are_not_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
