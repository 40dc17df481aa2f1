/* SPDX-License-Identifier: MIT
 * sim_faults.h - the steps that harm the disk and Kafka, and end by themselves. */
#ifndef PENSTOCK_TESTS_SIM_FAULTS_H
#define PENSTOCK_TESTS_SIM_FAULTS_H

#include "tests/sim/sim_steps.h"

/* False: it is no such step. */
bool sim_faults_disk(const struct sim_step *step);
bool sim_faults_kafka(const struct sim_step *step, const struct sim_world *world);
bool sim_faults_damage(const struct sim_step *step);

#endif
