/* SPDX-License-Identifier: MIT
 * power_tree.h - a state as real files, and real files compared with a state. */
#ifndef PENSTOCK_TESTS_POWER_TREE_H
#define PENSTOCK_TESTS_POWER_TREE_H

#include "base/err.h"
#include "tests/power/power_state.h"

/* Makes the state's tree as the new directory `path`. Zeros take no room, if the file system can.
 * ERR_IO */
enum err power_tree_make(const struct power_state *state, const char *path, struct errmsg *msg);
void power_tree_remove(const char *path); /* what isn't there is fine */

/* Is that what lies below path? Of LevelDB's LOG only the name: stdio writes it, which nobody
 * records. ERR_DAMAGED: no, msg says where */
enum err power_tree_compare(const struct power_state *state, const char *path, struct errmsg *msg);

#endif
