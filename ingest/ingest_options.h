/* SPDX-License-Identifier: MIT
 * ingest_options.h - the options of the listeners: plain data with units and defaults. */
#ifndef PENSTOCK_INGEST_OPTIONS_H
#define PENSTOCK_INGEST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strings belong to the code that filled the struct. */
struct ingest_options {
    char **http; /* "127.0.0.1:8080", "[::1]:8080", "unix:/run/penstock/http.sock" */
    size_t http_count;
    bool allow_remote;            /* false: an address beyond loopback is an error */
    uint32_t socket_mode;         /* of Unix sockets */
    char *socket_group;           /* of Unix sockets; NULL: as it is */
    uint64_t body_bytes_max;      /* beyond it: 413 */
    uint64_t in_flight_bytes_max; /* of all request bodies being received or committed; beyond it:
                                   * 503 */
    uint32_t connections_max;     /* beyond it the oldest silent one is closed */
    uint32_t threads;             /* to serve the connections of all listeners together */
    int64_t request_timeout_ms;   /* from a request's first byte to its last */
    int64_t idle_timeout_ms;      /* a connection without a request */
    int64_t commit_timeout_ms;    /* a request that waits longer for its sync: 503 "unknown" */
    char **topics_allow;          /* if not empty: only these topics */
    size_t topics_allow_count;
};

#define INGEST_OPTIONS_DEFAULT                                                                     \
    {                                                                                              \
        .allow_remote = false, .socket_mode = 0660, .body_bytes_max = 32ull << 20,                 \
        .in_flight_bytes_max = 64ull << 20, .connections_max = 4096, .threads = 1,                 \
        .request_timeout_ms = 30000, .idle_timeout_ms = 60000, .commit_timeout_ms = 10000,         \
    }

#endif
