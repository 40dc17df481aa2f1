/* SPDX-License-Identifier: MIT
 * options.h - the command lines of `init`, `run`, `produce` and `status`, taken apart.
 * Strings point into argv. */
#ifndef PENSTOCK_AGENT_CLI_OPTIONS_H
#define PENSTOCK_AGENT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent_command;

enum { AGENT_LISTEN_MAX = 16, AGENT_HEADERS_MAX = 32, AGENT_FILES_MAX = 64 };

struct agent_run_options {
    const char *config, *spool, *log_level;
    const char *listen[AGENT_LISTEN_MAX];
    size_t listen_count;
    bool mock_kafka;
};

struct agent_init_options {
    const char *config, *spool; /* at least one of them */
    bool new_id;
};

struct agent_produce_options {
    const char *topic;                      /* -t */
    const char *key;                        /* -k: for all lines */
    const char *key_delimiter;              /* -K: splits key and value at its first occurrence;
                                             * with escapes */
    const char *headers[AGENT_HEADERS_MAX]; /* -H NAME=VALUE, or NAME */
    size_t header_count;
    const char *files[AGENT_FILES_MAX];
    size_t file_count;
    bool files_are_lines;     /* -l: lines of the files; else each file is one event */
    bool empty_is_null;       /* -Z */
    int64_t count_max;        /* -c; 0: no limit */
    int32_t partition;        /* -p; -1: any */
    int64_t timeout_ms;       /* --timeout; 0: for ever */
    const char *url, *socket; /* --url, --unix */
    bool quiet;
};

struct agent_status_options {
    const char *url, *socket;
    bool json;
};

struct agent_drain_options {
    const char *config, *spool, *bootstrap, *log_level;
    int64_t timeout_ms; /* 0: for ever */
};

/* Parsers return EXIT_DONE, or EXIT_USAGE after an error line on stderr. */
int agent_run_options_parse(const struct agent_command *self, int argc, char **argv,
                            struct agent_run_options *ret_options);
int agent_init_options_parse(const struct agent_command *self, int argc, char **argv,
                             struct agent_init_options *ret_options);
int agent_produce_options_parse(const struct agent_command *self, int argc, char **argv,
                                struct agent_produce_options *ret_options);
int agent_drain_options_parse(const struct agent_command *self, int argc, char **argv,
                              struct agent_drain_options *ret_options);
int agent_status_options_parse(const struct agent_command *self, int argc, char **argv,
                               struct agent_status_options *ret_options);

#endif
