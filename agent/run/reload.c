/* SPDX-License-Identifier: MIT
 * reload.c - loading the config, and going over to another one. */
#include "agent/run/reload.h"

#include <stdlib.h>

/* Puts the command line's settings on top of the file's. */
static enum err apply_options(struct config *config, const struct agent_run_options *options,
                              struct errmsg *msg)
{
    static const char *const yes = "true";
    const char *path = options->spool != NULL                              ? options->spool
                       : options->mock_kafka && config->spool.path == NULL ? "./penstock-data"
                                                                           : NULL;
    enum err rc = ERR_OK;
    config->bridge.mock_kafka = options->mock_kafka;
    if (options->mock_kafka)
        rc = config_set(config, "spool.create", &yes, 1, msg);
    if (rc == ERR_OK && path != NULL)
        rc = config_set(config, "spool.path", &path, 1, msg);
    if (rc == ERR_OK && options->listen_count > 0)
        rc = config_set(config, "listen.http", options->listen, options->listen_count, msg);
    if (rc == ERR_OK && options->log_level != NULL)
        rc = config_set(config, "log.level", &options->log_level, 1, msg);
    return rc;
}

enum err agent_config_load(const struct agent_run_options *options,
                           struct agent_config **ret_config, struct errmsg *msg)
{
    struct agent_config *loaded = calloc(1, sizeof *loaded);
    if (loaded == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    *msg = (struct errmsg){"out of memory"};
    enum err rc = config_init_defaults(&loaded->config);
    if (rc == ERR_OK && options->config != NULL)
        rc = config_load(options->config, &loaded->config, msg);
    if (rc == ERR_OK)
        rc = apply_options(&loaded->config, options, msg);
    if (rc == ERR_OK)
        rc = config_check(&loaded->config, msg);
    if (rc == ERR_OK)
        *ret_config = loaded;
    else
        agent_config_free(loaded);
    return rc;
}

void agent_config_free(struct agent_config *config)
{
    for (struct agent_config *before; config != NULL; config = before) {
        before = config->before;
        config_free(&config->config);
        free(config);
    }
}

void agent_reload(const struct agent_run_options *options, struct agent_state *state,
                  struct agent_guard *guard, struct agent_config **config)
{
    struct agent_config *next = NULL;
    struct buf changed = {0};
    struct errmsg msg = {""};
    enum err rc = agent_config_load(options, &next, &msg);
    if (rc == ERR_OK)
        rc = config_reload_check(&(*config)->config, &next->config, &changed, &msg);
    if (rc != ERR_OK) {
        log_event(LOG_LEVEL_WARN, "reload_refused", "error=%s action=going_on_as_before",
                  log_quote(msg.text));
        agent_config_free(next);
    } else if (changed.size == 0) {
        log_event(LOG_LEVEL_INFO, "reloaded", "changed=nothing");
        agent_config_free(next);
    } else {
        log_set_level(next->config.log_level);
        ingest_set_options(state->ingest, &next->config.ingest);
        agent_guard_set(guard, &next->config);
        log_event(LOG_LEVEL_INFO, "reloaded", "changed=%s", buf_string(&changed));
        next->before = *config;
        *config = next;
    }
    buf_free(&changed);
}
