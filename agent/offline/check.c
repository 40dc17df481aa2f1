/* SPDX-License-Identifier: MIT
 * check.c - `penstock check-config`: a file's mistakes without starting anything; the pages
 * about settings. */
#include "agent/agent.h"

#include "agent/cli/command.h"
#include "config/config.h"

#include <stdio.h>
#include <string.h>

static int print_page(void (*render)(struct buf *out))
{
    struct buf out = {0};
    render(&out);
    fputs(buf_string(&out), stdout);
    buf_free(&out);
    return EXIT_DONE;
}

static int check(const char *path)
{
    struct config config;
    struct errmsg msg = {"out of memory"};
    enum err rc = config_init_defaults(&config);
    if (rc == ERR_OK)
        rc = config_load(path, &config, &msg);
    if (rc == ERR_OK)
        rc = config_check(&config, &msg);
    if (rc == ERR_OK)
        printf("%s: ok\n", path);
    else
        fprintf(stderr, "%s\n", msg.text);
    config_free(&config);
    return rc == ERR_OK ? EXIT_DONE : EXIT_USAGE;
}

int agent_check_config(const struct agent_command *self, int argc, char **argv)
{
    struct agent_args args;
    const char *value, *path = NULL;
    int id, count = 0;
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    if (agent_args_begin(&args, self, argc, argv) != EXIT_DONE)
        return EXIT_USAGE;
    while ((id = agent_args_next(&args, &value)) >= 0) {
        if (id != AGENT_OPTION_CONFIG)
            return print_page(id == AGENT_OPTION_PRINT_EXAMPLE ? config_docs_example
                                                               : config_docs_page);
        path = value;
    }
    if (id == AGENT_ARGS_WRONG)
        return EXIT_USAGE;
    char **rest = agent_args_rest(&args, &count);
    if (count + (path != NULL) != 1)
        return agent_usage_error(self, count == 0 ? "give a file" : "give one file");
    return check(path != NULL ? path : rest[0]);
}
