/* SPDX-License-Identifier: MIT
 * agent_status.c - `penstock status`: a running agent's /status, as a table for people or as it is. */
#include "agent/agent.h"
#include "agent/agent_http_client.h"
#include "agent/agent_options.h"

#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MS_MAX = 5000 };

static const char help[] =
    "usage: penstock status [--json] [--url URL | --unix PATH]\n\n"
    "Shows what a running agent is doing.\n\n"
    "  --json       the agent's answer as it is (JSON)\n"
    "  --url URL    the agent (default http://127.0.0.1:8080)\n"
    "  --unix PATH  the agent's Unix socket instead\n\n"
    "exit codes: 0 shown, 1 no agent answers, 2 usage\n";

/* The text behind "name": in JSON that this program wrote itself: a number, true, false or a string without its quotes. */
static void value_of(const char *json, const char *name, char *out, size_t size)
{
    char quoted[80];
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *at = strstr(json, quoted);
    out[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(quoted);
    size_t length = *at == '"' ? strcspn(at + 1, "\"") : strcspn(at, ",}");
    snprintf(out, size, "%.*s", (int)length, *at == '"' ? at + 1 : at);
}

static const struct {
    const char *name, *label, *unit;
} rows[] = {
    {"spool_id", "spool", ""},          {"version", "version", ""},
    {"ready", "ready", ""},             {"reason", "reason", ""},
    {"connected", "kafka connected", ""}, {"accepted", "accepted", "events"},
    {"delivered", "delivered", "events"}, {"pending", "pending", "events"},
    {"dead_lettered", "dead-lettered", "events"}, {"lost", "lost", "events"},
    {"oldest_pending_age_ms", "oldest pending", "ms"}, {"used_bytes", "spool size", "bytes"},
    {"free_bytes", "free on disk", "bytes"}, {"segments", "segments", ""},
    {"damaged_segments", "damaged segments", ""}, {"in_flight_events", "in flight", "events"},
    {"uptime_ms", "up for", "ms"},
};

static void print_topics(const char *json)
{
    const char *at = strstr(json, "\"topics\":{");
    if (at == NULL || at[10] == '}')
        return;
    printf("\n%-32s %14s %14s %14s %8s\n", "topic", "accepted", "delivered", "pending", "lost");
    for (at += 10; *at == '"';) {
        char accepted[32], delivered[32], pending[32], lost[32];
        size_t size = strcspn(at + 1, "\"");
        const char *books = at + 1 + size;
        value_of(books, "accepted", accepted, sizeof accepted);
        value_of(books, "delivered", delivered, sizeof delivered);
        value_of(books, "pending", pending, sizeof pending);
        value_of(books, "lost", lost, sizeof lost);
        printf("%-32.*s %14s %14s %14s %8s\n", (int)size, at + 1, accepted, delivered, pending, lost);
        at = strchr(books, '}');
        at = at == NULL ? "" : at[1] == ',' ? at + 2 : "";
    }
}

int agent_status(int argc, char **argv)
{
    struct agent_status_options options;
    if (agent_wants_help(argc, argv, help))
        return EXIT_DONE;
    int code = agent_status_options_parse(argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct agent_http_client client;
    struct agent_http_response response = {0};
    struct errmsg msg = {""};
    if (agent_http_client_init(&client, options.url, options.socket, &msg) != ERR_OK)
        return agent_usage_error("status", "%s", msg.text);
    enum err rc = agent_http_client_send(&client, "GET", "/status", NULL, BYTES_NULL, ANSWER_MS_MAX, &response, &msg);
    if (rc == ERR_OK && response.status != 200)
        rc = errmsg_set(&msg, ERR_UNAVAILABLE, "the agent answers %d", response.status);
    if (rc != ERR_OK)
        fprintf(stderr, "penstock status: %s\n", msg.text);
    const char *json = buf_string(&response.body);
    if (rc == ERR_OK && options.json) {
        fputs(json, stdout);
    } else if (rc == ERR_OK) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            char value[256];
            value_of(json, rows[i].name, value, sizeof value);
            if (value[0] != '\0')
                printf("%-18s %s %s\n", rows[i].label, value, rows[i].unit);
        }
        print_topics(json);
    }
    buf_free(&response.body);
    agent_http_client_done(&client);
    return rc == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}
