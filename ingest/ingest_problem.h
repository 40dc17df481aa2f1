/* SPDX-License-Identifier: MIT
 * ingest_problem.h - what is wrong with a request, in the words of the answer. */
#ifndef PENSTOCK_INGEST_PROBLEM_H
#define PENSTOCK_INGEST_PROBLEM_H

#include "base/buf.h"
#include "base/err.h"

/* Codes of the Kafka REST API (v2) where that has one; the others are the HTTP status with two
 * digits. */
enum ingest_code {
    INGEST_BAD_REQUEST = 40001,
    INGEST_NOT_FOUND = 40401,   /* topic, or path */
    INGEST_OTHER_SPOOL = 40403, /* the receipt is of another spool */
    INGEST_METHOD = 40501,
    INGEST_TIMEOUT = 40801,
    INGEST_TOO_LARGE = 41301,
    INGEST_MEDIA_TYPE = 41501,
    INGEST_PAYLOAD = 42206, /* malformed JSON, base64, field */
    INGEST_TOPIC_NAME = 42208,
    INGEST_TOPICS_FULL = 42209, /* topics.max */
    INGEST_PARAMETER = 42210,   /* in the query */
    INGEST_INTERNAL = 50001,
    INGEST_RETRY = 50003,   /* refused for now, no event stored */
    INGEST_UNKNOWN = 50004, /* not known whether the events were stored */
};

/* status 0: no problem. */
struct ingest_problem {
    int status; /* HTTP */
    int code;
    int retry_after_s; /* 0: no such header */
    char message[256];
};

/* Sets the problem unless one was set before; returns false, so that a parser can `return` it. */
bool ingest_problem_set(struct ingest_problem *problem, int status, int code, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

/* The answer to an error of the spool, by a table. */
void ingest_problem_of_err(struct ingest_problem *problem, enum err err, const char *detail);

/* {"error_code":…,"message":…} */
void ingest_problem_render(const struct ingest_problem *problem, struct buf *body);

#endif
