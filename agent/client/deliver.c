/* SPDX-License-Identifier: MIT
 * deliver.c - trying again, and finding out which event of a batch is at fault. */
#include "agent/client/deliver.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

enum { ANSWER_MS_MAX = 60000, BACKOFF_MS_MIN = 50, BACKOFF_MS_MAX = 2000 };

static const struct {
    int status;
    enum agent_verdict verdict;
} verdicts[] = {
    {200, AGENT_VERDICT_ACCEPTED}, {400, AGENT_VERDICT_REFUSED}, {408, AGENT_VERDICT_LATER},
    {413, AGENT_VERDICT_REFUSED},  {422, AGENT_VERDICT_REFUSED}, {429, AGENT_VERDICT_LATER},
};

enum agent_verdict agent_deliver_verdict(int status)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (verdicts[i].status == status)
            return verdicts[i].verdict;
    return status >= 500 && status < 600 ? AGENT_VERDICT_LATER : AGENT_VERDICT_HOPELESS;
}

/* The agent's words after "message": in an answer, found without a JSON parser: for people only. */
static void put_reason(struct agent_http_response *response, char *out, size_t size)
{
    const char *body = buf_string(&response->body), *from = strstr(body, "\"message\":\"");
    from = from == NULL ? body : from + strlen("\"message\":\"");
    size_t length = 0;
    while (from[length] != '\0' &&
           (from[length] != '"' || (length > 0 && from[length - 1] == '\\')))
        length++;
    snprintf(out, size, "%d %.*s", response->status, (int)(length < 300 ? length : 300), from);
}

/* Says once per request why it takes so long. */
static void say_waiting(const struct agent_delivery *delivery, const char *why, bool *said)
{
    if (!*said && !delivery->quiet)
        fprintf(stderr, "penstock produce: %s; trying again\n", why);
    *said = true;
}

static void say_interrupted(const struct agent_delivery *delivery, bool *said)
{
    if (delivery->interrupted != NULL && *delivery->interrupted != 0 && !*said) {
        fprintf(stderr, "penstock produce: the agent hasn't taken everything yet; another signal "
                        "ends at once\n");
        *said = true;
    }
}

/* Sends one request until the answer isn't "later". */
static enum agent_delivered send_until_answered(struct agent_delivery *delivery, struct bytes body,
                                                const char *content_type,
                                                struct agent_http_response *ret_response)
{
    int64_t since_ms = clock_monotonic_ms(), backoff_ms = BACKOFF_MS_MIN;
    bool said = false, said_interrupted = false;
    for (;;) {
        struct errmsg msg = {""};
        struct agent_http_response response = {0};
        enum err rc = agent_http_client_send(&delivery->client, "POST", delivery->path,
                                             content_type, body, ANSWER_MS_MAX, &response, &msg);
        if (rc == ERR_OK && agent_deliver_verdict(response.status) != AGENT_VERDICT_LATER) {
            *ret_response = response;
            return AGENT_DELIVERED_ALL;
        }
        char reason[400] = "";
        if (rc == ERR_OK) {
            put_reason(&response, reason, sizeof reason);
            errmsg_set(&msg, ERR_BUSY, "the agent refuses for now: %s", reason);
        }
        buf_free(&response.body);
        say_waiting(delivery, msg.text, &said);
        say_interrupted(delivery, &said_interrupted);
        if (delivery->timeout_ms != 0 && clock_monotonic_ms() - since_ms >= delivery->timeout_ms) {
            fprintf(stderr, "penstock produce: gave up after --timeout: %s\n", msg.text);
            return AGENT_DELIVERED_GAVE_UP;
        }
        clock_sleep_ms(backoff_ms);
        backoff_ms = backoff_ms * 2 > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : backoff_ms * 2;
    }
}

static void refuse(struct agent_delivery *delivery, const struct agent_batch *batch, size_t index,
                   const char *reason)
{
    fprintf(stderr, "penstock produce: line %" PRIu64 " refused: %s\n",
            agent_batch_entry(batch, index)->line, reason);
    delivery->refused++;
}

/* A request is taken or refused as a whole, so halving finds the events at fault and sends all
 * others. The depth is the logarithm of the batch. */
static enum agent_delivered deliver_range(struct agent_delivery *delivery,
                                          const struct agent_batch *batch, size_t from, size_t to)
{
    struct buf body = {0};
    const char *content_type;
    if (!agent_batch_render(batch, from, to, &body, &content_type)) {
        buf_free(&body);
        fprintf(stderr, "penstock produce: %s\n", err_text(ERR_NOMEM));
        return AGENT_DELIVERED_GAVE_UP;
    }
    struct agent_http_response response = {0};
    char reason[400] = "";
    enum agent_delivered rc =
        send_until_answered(delivery, buf_bytes(&body), content_type, &response);
    buf_free(&body);
    if (rc != AGENT_DELIVERED_ALL)
        return rc;
    enum agent_verdict verdict = agent_deliver_verdict(response.status);
    if (verdict != AGENT_VERDICT_ACCEPTED)
        put_reason(&response, reason, sizeof reason);
    buf_free(&response.body);

    if (verdict == AGENT_VERDICT_ACCEPTED) {
        delivery->accepted += to - from;
        return AGENT_DELIVERED_ALL;
    }
    if (verdict == AGENT_VERDICT_HOPELESS) {
        fprintf(stderr, "penstock produce: the agent refuses %s: %s\n", delivery->path, reason);
        return AGENT_DELIVERED_HOPELESS;
    }
    if (to - from == 1) {
        refuse(delivery, batch, from, reason);
        return AGENT_DELIVERED_ALL;
    }
    size_t middle = from + (to - from) / 2;
    rc = deliver_range(delivery, batch, from, middle);
    return rc == AGENT_DELIVERED_ALL ? deliver_range(delivery, batch, middle, to) : rc;
}

enum agent_delivered agent_deliver(struct agent_delivery *delivery, const struct agent_batch *batch)
{
    size_t count = agent_batch_count(batch);
    return count == 0 ? AGENT_DELIVERED_ALL : deliver_range(delivery, batch, 0, count);
}
