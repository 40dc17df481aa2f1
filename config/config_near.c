/* SPDX-License-Identifier: MIT
 * config_near.c - the nearest valid name by edit distance. */
#include "config/config_near.h"

#include "config/config_keys.h"

#define TEXT_MAX 64
#define FAR      1000

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t config_near_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > TEXT_MAX || b_size > TEXT_MAX)
        return FAR;
    size_t rows[3][TEXT_MAX + 1]; /* the row before the last, the last, the current one; in turn */
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3], *before = rows[(i + 2) % 3], *before2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] =
                least(least(before[j], row[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before2[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

static const char *after_dot(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

/* Number of typing errors with which a name is still taken for the same. */
static size_t tolerance(const char *name)
{
    size_t size = strlen(name);
    return size <= 4 ? 1 : size <= 8 ? 2 : 3;
}

const char *config_near_key(const char *name)
{
    const char *best = NULL;
    size_t best_distance = FAR;
    for (size_t i = 0; i < config_key_count; i++) {
        const char *key = config_keys[i].name;
        size_t distance = config_near_distance(name, key);
        /* The section is right more often than not, so its letters don't make a short name
         * nearer. */
        size_t last = config_near_distance(after_dot(name), after_dot(key));
        if (distance > tolerance(after_dot(name)))
            distance = last == 0 ? 1 : last == 1 && strlen(after_dot(name)) > 4 ? 2 : FAR;
        if (distance < best_distance) {
            best = key;
            best_distance = distance;
        }
    }
    return best;
}

const char *config_near_section(const char *name)
{
    const char *best = NULL;
    size_t best_distance = tolerance(name) + 1;
    for (size_t i = 0; i < config_section_count; i++) {
        size_t distance = config_near_distance(name, config_sections[i].name);
        if (distance < best_distance) {
            best = config_sections[i].name;
            best_distance = distance;
        }
    }
    return best;
}
