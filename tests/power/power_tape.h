/* SPDX-License-Identifier: MIT
 * power_tape.h - a recording in memory. */
#ifndef PENSTOCK_TESTS_POWER_TAPE_H
#define PENSTOCK_TESTS_POWER_TAPE_H

#include "base/err.h"
#include "tests/power/power_tape_format.h"

#include <stddef.h>

struct power_op {
    enum power_kind kind;
    uint64_t object, dir, to_dir, offset, size;
    const char *name, *to_name; /* NULL: none */
    const uint8_t *data;        /* of a mark: text with its NUL */
};

struct power_tape {
    uint8_t *bytes;
    struct power_op *ops;
    size_t count;
};

/* ERR_IO; ERR_DAMAGED: it isn't whole */
enum err power_tape_read(const char *path, struct power_tape *ret_tape, struct errmsg *msg);
void power_tape_free(struct power_tape *tape);

const char *power_kind_name(enum power_kind kind);

#endif
