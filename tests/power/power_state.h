/* SPDX-License-Identifier: MIT
 * power_state.h - one state that a power cut may leave: a choice of what survives, and the tree
 * that this makes.
 *
 * The choice follows from its name alone, OP:MODEL:VARIANT:SEED. Of what isn't safe:
 *   names      seed 0 none of the changes, seed 1 all of them, other seeds some: under the ordered
 *              model a beginning, under the strict one any subset
 *   contents   by the variant, see enum power_variant */
#ifndef PENSTOCK_TESTS_POWER_STATE_H
#define PENSTOCK_TESTS_POWER_STATE_H

#include "tests/power/power_disk.h"

enum power_model { POWER_ORDERED, POWER_STRICT, POWER_MODEL_COUNT };

/* What is left of a file's operations since its last sync. */
enum power_variant {
    POWER_NONE,
    POWER_ALL,
    POWER_PREFIX, /* the first of them, and of the next one some bytes (odd seeds: whole sectors) */
    POWER_ZEROS,  /* the sizes, but zeros for what was written */
    POWER_HOLES,  /* the sizes, but of what was written any 512-byte sectors are missing */
    POWER_MIXED,  /* another of these for each file */
    POWER_VARIANT_COUNT
};

struct power_spec {
    size_t op; /* the cut comes after it */
    enum power_model model;
    enum power_variant variant;
    uint64_t seed;
};

struct power_node {
    const char *name;
    size_t parent; /* in nodes; the root's is itself */
    uint32_t file;
    bool is_dir;
    struct bytes content; /* of a file; lives until the next build */
    uint64_t hash;        /* of path and content */
};

struct power_state {
    struct power_node *nodes; /* parents first; 0 is the root */
    size_t count, capacity;
    uint64_t hash;         /* two states with the same one are the same */
    bool certain;          /* nothing was unsafe: model, variant and seed made no difference */
    struct disk_tree tree; /* kept for its capacity, as is what follows */
    struct buf *contents;
    size_t content_count;
};

const char *power_model_name(enum power_model model);
const char *power_variant_name(enum power_variant variant);
void power_spec_print(const struct power_spec *spec, char out[96]);
bool power_spec_parse(const char *text, struct power_spec *ret_spec);

/* Builds the state into *state, which begins zeroed and is used again. */
void power_state_build(struct disk *disk, const struct power_spec *spec, struct power_state *state);
void power_state_free(struct power_state *state);

#endif
