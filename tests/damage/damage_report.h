/* SPDX-License-Identifier: MIT
 * damage_report.h - what must lie in quarantine: a damaged segment byte for byte as it was found,
 * and a loss report that says exactly what is missing.
 *
 * In a phase: what is otherwise ends it (phase_fail). */
#ifndef PENSTOCK_TESTS_DAMAGE_REPORT_H
#define PENSTOCK_TESTS_DAMAGE_REPORT_H

#include "tests/damage/damage_patient.h"

enum { EVIDENCE_FILES_MAX = 80 };

/* Regular files below a directory, two levels deep. */
struct evidence {
    size_t count;
    struct evidence_file {
        char name[120];
        uint64_t bytes, xxh3;
    } files[EVIDENCE_FILES_MAX];
};
void evidence_take(struct evidence *evidence, const char *dir);

/* Compares quarantine/<id>/ with the evidence of before, and reads its report. checksums: the
 * report must have them. */
void damage_report_check(const struct patient *p, size_t segment, const struct evidence *before,
                         bool checksums);

/* Is the report there? */
bool damage_report_exists(const struct patient *p, size_t segment);

#endif
