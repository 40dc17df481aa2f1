/* SPDX-License-Identifier: MIT
 * agent_init.c - `penstock init`: makes a spool, so that `run` needn't be allowed to. */
#include "agent/agent.h"
#include "agent/agent_options.h"

#include "base/random.h"
#include "config/config.h"
#include "spool/spool.h"

#include <stdio.h>

static enum err load(struct config *config, const struct agent_init_options *options, struct errmsg *msg)
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
    fprintf(stderr, "penstock init: %s '%s'\n", made ? "made a new spool in" : "there is a spool already in",
            config->spool.path);
    printf("%s\n", id);
    return EXIT_DONE;
}

int agent_init(int argc, char **argv)
{
    struct agent_init_options options;
    if (agent_wants_help(argc, argv, "init"))
        return EXIT_DONE;
    int code = agent_init_options_parse(argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct config config;
    struct errmsg msg = {"out of memory"};
    enum err rc = config_init_defaults(&config);
    if (rc == ERR_OK)
        rc = load(&config, &options, &msg);
    if (rc != ERR_OK)
        fprintf(stderr, "penstock init: %s\n", msg.text);
    code = rc == ERR_OK ? make(&config) : EXIT_USAGE;
    config_free(&config);
    return code;
}
