/* SPDX-License-Identifier: MIT
 * sim_note.c - the history of a run, its hash, and the stream of random numbers. */
#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t first_seed, state, hash;
static char *text;
static size_t text_size, text_capacity;

/* ---- random numbers (splitmix64) ------------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void sim_note_begin(uint64_t seed)
{
    first_seed = seed;
    state = mix(seed + 0x9e3779b97f4a7c15u);
    hash = mix(seed);
    text_size = 0;
}

uint64_t sim_random(uint64_t below)
{
    state += 0x9e3779b97f4a7c15u;
    return (uint64_t)(((unsigned __int128)mix(state) * below) >> 64);
}

bool sim_chance(unsigned in_1000)
{
    return sim_random(1000) < in_1000;
}

/* ---- the history ----------------------------------------------------------------------------- */

void sim_note_value(uint64_t value)
{
    hash = mix(hash ^ (value * 0x9e3779b97f4a7c15u));
}

static void hash_bytes(const char *p, size_t size)
{
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        sim_note_value(word);
    }
    uint64_t rest = size;
    memcpy(&rest, p, size);
    sim_note_value(rest ^ ((uint64_t)size << 56));
}

static bool make_room(size_t size)
{
    if (text_capacity - text_size >= size)
        return true;
    size_t capacity = text_capacity * 2 > text_size + size ? text_capacity * 2 : text_size + size;
    capacity = capacity < 65536 ? 65536 : capacity;
    char *more = realloc(text, capacity);
    if (more == NULL)
        abort();
    text = more;
    text_capacity = capacity;
    return true;
}

void sim_note(const char *format, ...)
{
    char line[2048];
    int64_t now_ms = sim_now_ms();
    int n = snprintf(line, sizeof line, "%" PRId64 ".%03d ", now_ms / 1000, (int)(now_ms % 1000));
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    size_t size = (size_t)n + (more < 0 ? 0 : (size_t)more);
    if (size > sizeof line - 2)
        size = sizeof line - 2;
    line[size++] = '\n';
    make_room(size);
    memcpy(text + text_size, line, size);
    text_size += size;
    hash_bytes(line, size);
}

uint64_t sim_history_hash(void)
{
    return mix(hash ^ state) ^ mix((uint64_t)sim_now_ns());
}

void sim_history_print(void)
{
    if (text_size > 0)
        fwrite(text, 1, text_size, stdout);
    fflush(stdout);
}

void sim_red(const char *kind, const char *format, ...)
{
    va_list args;
    sim_history_print();
    printf("RED %s: ", kind);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\nseed %" PRIu64 ", at %" PRId64 " ms, history %016" PRIx64 "\n", first_seed,
           sim_now_ms(), sim_history_hash());
    fflush(stdout);
    _exit(1); /* streams of the program are not flushed: their disk is a model */
}
