/* SPDX-License-Identifier: MIT
 * init.c - `penstock init`: makes a spool, so that `run` needn't be allowed to, or gives one
 * a new id. */
#include "agent/agent.h"

#include "agent/cli/options.h"
#include "base/random.h"
#include "config/config.h"
#include "spool/spool.h"

#include <stdio.h>

static enum err load(struct config *config, const struct agent_init_options *options,
                     struct errmsg *msg)
{
    enum err rc = options->config != NULL ? config_load(options->config, config, msg) : ERR_OK;
    if (rc == ERR_OK && options->spool != NULL)
        rc = config_set(config, "spool.path", &options->spool, 1, msg);
    if (rc == ERR_OK && config->spool.path == NULL)
        rc = errmsg_set(msg, ERR_INVALID, "%s: spool.path must be set", options->config);
    return rc;
}

static int make(const struct config *config)
{
    uint8_t uuid[16];
    char id[UUID_TEXT_SIZE];
    bool made = false;
    struct errmsg msg = {""};
    if (spool_init(&config->spool, uuid, &made, &msg) != ERR_OK) {
        fprintf(stderr, "penstock init: %s\n", msg.text);
        return EXIT_FAILED;
    }
    uuid_format(uuid, id);
    fprintf(stderr, "penstock init: %s '%s'\n",
            made ? "made a new spool in" : "there is a spool already in", config->spool.path);
    printf("%s\n", id);
    return EXIT_DONE;
}

static int renew(const struct config *config, const char *config_path)
{
    struct spool_renewed renewed;
    char id[UUID_TEXT_SIZE], old_id[UUID_TEXT_SIZE];
    struct errmsg msg = {""};
    if (spool_renew(&config->spool, &renewed, &msg) != ERR_OK) {
        fprintf(stderr, "penstock init: %s\n", msg.text);
        return EXIT_FAILED;
    }
    uuid_format(renewed.new_uuid, id);
    uuid_format(renewed.old_uuid, old_id);
    fprintf(stderr, "penstock init: the spool in '%s' has the new id %s; it was %s\n",
            config->spool.path, id, old_id);
    if (!renewed.has_cursors)
        fprintf(stderr, "penstock init: nothing that can be read says what of it is in Kafka: all "
                        "of it will be sent\n");
    if (config->spool.id != NULL)
        fprintf(stderr,
                "penstock init: spool.id in '%s' names the old id: put the new one there before "
                "the agent starts\n",
                config_path);
    printf("%s\n", id);
    return EXIT_DONE;
}

int agent_init(const struct agent_command *self, int argc, char **argv)
{
    struct agent_init_options options;
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    int code = agent_init_options_parse(self, argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct config config;
    struct errmsg msg = {"out of memory"};
    enum err rc = config_init_defaults(&config);
    if (rc == ERR_OK)
        rc = load(&config, &options, &msg);
    if (rc != ERR_OK)
        fprintf(stderr, "penstock init: %s\n", msg.text);
    if (rc != ERR_OK)
        code = EXIT_USAGE;
    else
        code = options.new_id ? renew(&config, options.config) : make(&config);
    config_free(&config);
    return code;
}
