/* SPDX-License-Identifier: MIT
 * config.h - all settings of the agent: defaults, a YAML file, the command line, and the checks
 * between them.
 *
 * Each setting is one row of config_keys.c; docs/configuration.md is made from those rows. Messages
 * about a file begin with file:line:column; a secret's value is never in a message. One thread at a
 * time. */
#ifndef PENSTOCK_CONFIG_H
#define PENSTOCK_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "bridge/bridge_options.h"
#include "ingest/ingest_options.h"
#include "spool/spool_options.h"

struct config {
    struct spool_options spool;
    struct ingest_options ingest;
    struct bridge_options bridge;
    enum log_level log_level;
    int64_t mount_wait_ms;        /* `run` gives up when there is no spool by then; 0: never */
    struct config_source *source; /* where each setting stood, for messages; NULL: from no file */
};

/* Fills in every default. From then on the config has to be ended by config_free(), even when later
 * calls fail. Errors: ERR_NOMEM */
enum err config_init_defaults(struct config *config);
void config_free(struct config *config); /* frees the contents, not the struct; does nothing to a
                                          * zeroed one */

/* Reads the file on top of what config holds: checks names, types and ranges of each setting by
 * itself, fills in `${ENV}` and `file:`. An empty file changes nothing. On errors config is valid,
 * but holds part of the file. Errors: ERR_INVALID (msg says file:line:column, the offending text
 * and what is right), ERR_NOT_FOUND, ERR_IO (the file can't be read), ERR_TOO_LARGE (beyond 1 MiB),
 * ERR_NOMEM */
enum err config_load(const char *path, struct config *config, struct errmsg *msg);

/* Reads text in memory in the same way; name stands for the file in messages. */
enum err config_load_text(const char *name, struct bytes text, struct config *config,
                          struct errmsg *msg);

/* Sets one setting from outside a file, as if the file held it as a scalar or, for lists, as a list
 * of count items. Errors: ERR_INVALID, ERR_NOMEM */
enum err config_set(struct config *config, const char *name, const char *const *values,
                    size_t count, struct errmsg *msg);

/* Checks all that needs neither the disk nor the network: required settings, limits against each
 * other, addresses, and the kafka properties (librdkafka makes a client for that). Messages name
 * the place in the file where there is one. Errors: ERR_INVALID, ERR_NOMEM */
enum err config_check(const struct config *config, struct errmsg *msg);

/* May a running agent change from `now` to `next`? *ret_changed: the names of what changes,
 * separated by commas. Errors: ERR_INVALID (msg names every setting that a running agent can't
 * change), ERR_NOMEM */
enum err config_reload_check(const struct config *now, const struct config *next,
                             struct buf *ret_changed, struct errmsg *msg);

/* Pages made from the table of settings: the reference page, and a file with every setting at its
 * default. */
void config_docs_page(struct buf *out);
void config_docs_example(struct buf *out);
void config_docs_man(const char *version, struct buf *out); /* penstock.yaml(5) */

#endif
