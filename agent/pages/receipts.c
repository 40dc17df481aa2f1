/* SPDX-License-Identifier: MIT
 * receipts.c - /receipts/{event id} and /progress: what became of events that were
 * accepted. */
#include "agent/pages/state.h"

#include "base/random.h"
#include "ingest/ingest_parameter.h"
#include "ingest/ingest_problem.h"
#include "spool/spool_event.h"
#include "spool/spool_event_status.h"

#include <inttypes.h>
#include <strings.h>

struct asked {
    char spool_id[UUID_TEXT_SIZE];
    uint8_t topic[SPOOL_TOPIC_SIZE_MAX + 1];
    size_t topic_size; /* 0: the question named no topic */
};

static int refuse(const struct ingest_problem *problem, struct buf *body)
{
    ingest_problem_render(problem, body);
    buf_append_char(body, '\n');
    return problem->status;
}

static bool parse_topic(const char *text, struct asked *asked, struct ingest_problem *problem)
{
    if (text[0] == '\0' || (ingest_percent_decode(bytes_of_string(text), asked->topic,
                                                  SPOOL_TOPIC_SIZE_MAX, &asked->topic_size) &&
                            spool_topic_name_valid(bytes_of(asked->topic, asked->topic_size))))
        return true;
    return ingest_problem_set(problem, 422, INGEST_TOPIC_NAME,
                              "no topic name: 1 to 249 of [a-zA-Z0-9._-], not \".\" or \"..\"");
}

/* An id is a positive int64 in decimal. */
static bool parse_id(const char *text, uint64_t *ret_id, struct ingest_problem *problem)
{
    uint64_t id = 0;
    size_t size = strlen(text);
    bool ok = size > 0 && size <= 19;
    for (size_t i = 0; ok && i < size; i++) {
        ok = text[i] >= '0' && text[i] <= '9';
        id = id * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_id = id;
    return (ok && id > 0 && id <= INT64_MAX) ||
           ingest_problem_set(
               problem, 404, INGEST_NOT_FOUND,
               "no event id: the path is /receipts/{event id}, the id a decimal number");
}

/* State's lock held. */
static bool ask_spool(const struct agent_state *state, const struct ingest_question *question,
                      struct asked *asked, struct ingest_problem *problem)
{
    if (state->spool == NULL) {
        ingest_problem_of_err(problem, ERR_NOT_FOUND, state->away.text);
        return false;
    }
    uuid_format(spool_uuid(state->spool), asked->spool_id);
    return question->spool_id[0] == '\0' || strcasecmp(question->spool_id, asked->spool_id) == 0 ||
           ingest_problem_set(problem, 404, INGEST_OTHER_SPOOL, "this is another spool: %s",
                              asked->spool_id);
}

static void put_topic(struct buf *body, const struct asked *asked)
{
    buf_append_string(body, ",\"topic\":");
    if (asked->topic_size > 0)
        buf_append_json_string(body, (const char *)asked->topic, asked->topic_size);
    else
        buf_append_string(body, "null");
}

int agent_page_receipt(void *arg, const struct ingest_question *question, struct buf *body,
                       const char **content_type)
{
    static const char *const names[] = {
        [SPOOL_EVENT_STATUS_UNKNOWN] = "unknown",
        [SPOOL_EVENT_STATUS_ACCEPTED] = "accepted",
        [SPOOL_EVENT_STATUS_DELIVERED] = "delivered",
        [SPOOL_EVENT_STATUS_DEAD_LETTERED] = "dead_lettered",
        [SPOOL_EVENT_STATUS_LOST] = "lost",
    };
    struct agent_state *state = arg;
    struct asked asked = {.topic_size = 0};
    struct ingest_problem problem = {0};
    enum spool_event_status fate = SPOOL_EVENT_STATUS_UNKNOWN;
    uint64_t id = 0;
    *content_type = "application/json";
    if (!parse_id(question->rest, &id, &problem) || !parse_topic(question->topic, &asked, &problem))
        return refuse(&problem, body);
    pthread_rwlock_rdlock(&state->lock);
    if (ask_spool(state, question, &asked, &problem)) {
        struct errmsg msg = {""};
        enum err rc = spool_event_status_get(state->spool, id,
                                             bytes_of(asked.topic, asked.topic_size), &fate, &msg);
        if (rc != ERR_OK)
            ingest_problem_set(&problem, 503, INGEST_RETRY,
                               "what is needed to tell can't be read now: %s", msg.text);
    }
    pthread_rwlock_unlock(&state->lock);
    if (problem.status != 0)
        return refuse(&problem, body);
    buf_printf(body, "{\"event_id\":\"%" PRIu64 "\",\"spool_id\":\"%s\"", id, asked.spool_id);
    put_topic(body, &asked);
    buf_printf(body, ",\"state\":\"%s\"}\n", names[fate]);
    return 200;
}

int agent_page_progress(void *arg, const struct ingest_question *question, struct buf *body,
                        const char **content_type)
{
    struct agent_state *state = arg;
    struct asked asked = {.topic_size = 0};
    struct ingest_problem problem = {0};
    struct spool_done done = {0};
    *content_type = "application/json";
    if (!parse_topic(question->topic, &asked, &problem))
        return refuse(&problem, body);
    pthread_rwlock_rdlock(&state->lock);
    if (ask_spool(state, question, &asked, &problem))
        spool_done_get(state->spool, bytes_of(asked.topic, asked.topic_size), &done);
    pthread_rwlock_unlock(&state->lock);
    if (problem.status != 0)
        return refuse(&problem, body);
    buf_printf(body, "{\"spool_id\":\"%s\"", asked.spool_id);
    put_topic(body, &asked);
    buf_printf(body, ",\"done_id\":\"%" PRIu64 "\",\"done_time_ms\":%" PRId64 ",\"all_done\":%s}\n",
               done.id, done.time_ms, done.all ? "true" : "false");
    return 200;
}
