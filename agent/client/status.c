/* SPDX-License-Identifier: MIT
 * status.c - `penstock status`: what a running agent says about itself, for people or as
 * JSON. */
#include "agent/agent.h"

#include "agent/cli/options.h"
#include "agent/client/http_client.h"

#include <stdio.h>

enum { ANSWER_MS_MAX = 5000 };

static enum err fetch(struct agent_http_client *client, const char *path,
                      struct agent_http_response *response, struct errmsg *msg)
{
    enum err rc =
        agent_http_client_send(client, "GET", path, NULL, BYTES_NULL, ANSWER_MS_MAX, response, msg);
    if (rc == ERR_OK && response->status != 200)
        return errmsg_set(msg, ERR_UNAVAILABLE, "the agent answers %d", response->status);
    return rc;
}

int agent_status(const struct agent_command *self, int argc, char **argv)
{
    struct agent_status_options options;
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    int code = agent_status_options_parse(self, argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct agent_http_client client;
    struct agent_http_response response = {0};
    struct errmsg msg = {""};
    if (agent_http_client_init(&client, options.url, options.socket, &msg) != ERR_OK)
        return agent_usage_error(self, "%s", msg.text);
    enum err rc = fetch(&client, options.json ? "/status" : "/status.txt", &response, &msg);
    if (rc == ERR_OK)
        fputs(buf_string(&response.body), stdout);
    else
        fprintf(stderr, "penstock status: %s\n", msg.text);
    buf_free(&response.body);
    agent_http_client_done(&client);
    return rc == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}
