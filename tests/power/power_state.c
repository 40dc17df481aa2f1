/* SPDX-License-Identifier: MIT
 * power_state.c - which names survive, and the tree that they make. */
#include "tests/power/power_state.h"

#include "tests/power/power_content.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static const char *const model_names[POWER_MODEL_COUNT] = {"ordered", "strict"};
static const char *const variant_names[POWER_VARIANT_COUNT] = {"none",  "all",   "prefix",
                                                               "zeros", "holes", "mixed"};

const char *power_model_name(enum power_model model)
{
    return model_names[model];
}

const char *power_variant_name(enum power_variant variant)
{
    return variant_names[variant];
}

void power_spec_print(const struct power_spec *spec, char out[96])
{
    snprintf(out, 96, "%zu:%s:%s:%llu", spec->op, model_names[spec->model],
             variant_names[spec->variant], (unsigned long long)spec->seed);
}

static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

bool power_spec_parse(const char *text, struct power_spec *ret_spec)
{
    char model[16], variant[16];
    unsigned long long seed;
    size_t op;
    if (sscanf(text, "%zu:%15[a-z]:%15[a-z]:%llu", &op, model, variant, &seed) != 4)
        return false;
    int m = find_name(model_names, POWER_MODEL_COUNT, model),
        v = find_name(variant_names, POWER_VARIANT_COUNT, variant);
    *ret_spec = (struct power_spec){op, (enum power_model)m, (enum power_variant)v, seed};
    return m >= 0 && v >= 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void choose_ordered(const struct disk_names *names, const struct power_spec *spec,
                           struct disk_tree *tree)
{
    size_t kept = spec->seed == 0 ? 0 : names->count;
    if (spec->seed > 1)
        kept = (size_t)(power_random(spec, 0, 1) % (names->count + 1));
    for (size_t i = 0; i < kept; i++)
        disk_tree_apply(tree, &names->changes[i]);
}

/* Any subset. A rename is there or not: no file system shows half of one. */
static void choose_strict(const struct disk_names *names, const struct power_spec *spec,
                          struct disk_tree *tree)
{
    for (size_t i = 0; i < names->count; i++) {
        bool some = spec->seed > 1 && power_random(spec, i, 2) % 2 != 0;
        if (disk_change_is_safe(&names->changes[i]) || spec->seed == 1 || some)
            disk_tree_apply(tree, &names->changes[i]);
    }
}

/* ---- the tree -------------------------------------------------------------------------------- */

static struct power_node *add_node(struct power_state *state)
{
    if (state->count == state->capacity) {
        state->capacity = state->capacity == 0 ? 256 : state->capacity * 2;
        state->nodes = realloc(state->nodes, state->capacity * sizeof *state->nodes);
        state->contents = realloc(state->contents, state->capacity * sizeof *state->contents);
        if (state->nodes == NULL || state->contents == NULL)
            disk_out_of_memory();
        memset(state->contents + state->content_count, 0,
               (state->capacity - state->content_count) * sizeof *state->contents);
        state->content_count = state->capacity;
    }
    return &state->nodes[state->count++];
}

static void add_child(struct disk *disk, const struct power_spec *spec, struct power_state *state,
                      size_t parent, const struct disk_name *row)
{
    struct power_node *node = add_node(state);
    struct disk_file *file = &disk->files[row->file];
    uint64_t hash = 0;
    *node = (struct power_node){
        .name = row->name, .parent = parent, .file = row->file, .is_dir = file->is_dir};
    if (!file->is_dir)
        node->content =
            power_content(file, row->file, spec, &state->contents[state->count - 1], &hash);
    node->hash = XXH3_64bits_withSeed(row->name, strlen(row->name),
                                      state->nodes[parent].hash + hash * 31 + file->is_dir);
    state->hash += node->hash;
}

/* Has something been left to chance in what can be reached? */
static bool is_certain(const struct disk *disk, const struct power_state *state,
                       const struct disk_names *names)
{
    for (size_t i = 0; i < state->count; i++)
        if (disk->files[state->nodes[i].file].unsafe_count > 0)
            return false;
    return names->count == 0;
}

void power_state_build(struct disk *disk, const struct power_spec *spec, struct power_state *state)
{
    const struct disk_names *names = spec->model == POWER_ORDERED ? &disk->ordered : &disk->strict;
    disk_tree_copy(&state->tree, &names->safe);
    if (spec->model == POWER_ORDERED)
        choose_ordered(names, spec, &state->tree);
    else
        choose_strict(names, spec, &state->tree);
    state->count = 0;
    state->hash = 0;
    *add_node(state) = (struct power_node){.name = "", .is_dir = true, .hash = 1};
    for (size_t parent = 0; parent < state->count; parent++)
        for (size_t i = 0; state->nodes[parent].is_dir && i < state->tree.count; i++)
            if (state->tree.rows[i].dir == state->nodes[parent].file)
                add_child(disk, spec, state, parent, &state->tree.rows[i]);
    state->certain = is_certain(disk, state, names);
}

void power_state_free(struct power_state *state)
{
    for (size_t i = 0; i < state->content_count; i++)
        buf_free(&state->contents[i]);
    free(state->contents);
    free(state->nodes);
    free(state->tree.rows);
    *state = (struct power_state){0};
}
