/* SPDX-License-Identifier: MIT
 * damage_rows.c - all rows in one table. */
#include "tests/damage/damage_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { ROWS_MAX = 64 };

const struct damage_row *damage_rows(void)
{
    static struct damage_row rows[ROWS_MAX];
    static const struct damage_row *const parts[] = {damage_rows_files, damage_rows_log,
                                                     damage_rows_tables, damage_rows_spool};
    if (rows[0].name != NULL)
        return rows;
    size_t count = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (const struct damage_row *row = parts[i]; row->name != NULL; row++) {
            assert_true(count + 1 < ROWS_MAX);
            rows[count++] = *row;
        }
    return rows;
}
