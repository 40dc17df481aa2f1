/* SPDX-License-Identifier: MIT
 * config_apply.h - one setting into the struct: by type, with `${ENV}` filled in. */
#ifndef PENSTOCK_CONFIG_APPLY_H
#define PENSTOCK_CONFIG_APPLY_H

#include "config/config_yaml.h"

/* Puts the value of a setting of the table into config. source is for messages.
 * Errors: ERR_INVALID (with the place and the offending text), ERR_NOMEM */
enum err config_apply_key(struct config *config, const struct config_source *source, int key,
                          const struct config_yaml_setting *setting, struct errmsg *msg);

/* Adds a librdkafka property; name without "kafka.". Errors: the same */
enum err config_apply_property(struct config *config, const struct config_source *source,
                               const char *name, const struct config_yaml_setting *setting,
                               struct errmsg *msg);

/* Puts the key's default into config. ERR_NOMEM */
enum err config_apply_default(struct config *config, int key);

/* Frees what the key's field owns. */
void config_apply_free(struct config *config, const struct config_key *key);

/* The number (or bool, enum) that a key has now. */
uint64_t config_apply_number(const struct config *config, const struct config_key *key);

#endif
