/* SPDX-License-Identifier: MIT
 * quarantine.c - `penstock quarantine list|show`: the loss reports of a spool, read from its
 * directory. */
#include "agent/agent.h"

#include "agent/cli/command.h"
#include "base/buf.h"
#include "spool/spool_inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Finds the value after `"name":` in a loss report, which this program wrote with its fields in a
 * known order. Empty when the field is missing. */
static void find_field(const char *text, const char *name, char *out, size_t size)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(text, key);
    out[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(key);
    at += *at == '"';
    size_t length = strcspn(at, "\",}\n");
    snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1), at);
}

static void print_row(uint64_t id, const char *text)
{
    char kind[16], written[32], lost[32], recovered[32], uncertain[32], bytes[32], known[8],
        evidence[16], when[32] = "?";
    find_field(text, "kind", kind, sizeof kind);
    if (kind[0] == '\0') {
        printf("%-14" PRIu64 " the report is damaged or not yet written\n", id);
        return;
    }
    find_field(text, "written_ms", written, sizeof written);
    find_field(text, "count_known", known, sizeof known);
    find_field(text, "events_lost", lost, sizeof lost);
    find_field(text, "events_recovered", recovered, sizeof recovered);
    find_field(text, "events_uncertain", uncertain, sizeof uncertain);
    find_field(text, "bytes_unreadable", bytes, sizeof bytes);
    find_field(text, "evidence", evidence, sizeof evidence);
    time_t seconds = (time_t)(strtoll(written, NULL, 10) / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) != NULL)
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    printf("%-14" PRIu64 " %-20s %-8s %10s %10s %10s %14s  %s\n", id, when, kind,
           strcmp(known, "true") == 0 ? lost : "unknown", uncertain, recovered, bytes, evidence);
}

static int list(int quarantine_fd)
{
    uint64_t *ids = NULL;
    size_t count = 0;
    struct errmsg msg = {""};
    if (spool_inspect_reports(quarantine_fd, &ids, &count, &msg) != ERR_OK) {
        fprintf(stderr, "penstock quarantine: %s\n", msg.text);
        return EXIT_FAILED;
    }
    if (count == 0)
        printf("nothing is in quarantine\n");
    else
        printf("%-14s %-20s %-8s %10s %10s %10s %14s  %s\n", "segment", "reported", "kind", "lost",
               "uncertain", "recovered", "bytes damaged", "files");
    for (size_t i = 0; i < count; i++) {
        struct buf text = {0};
        bool there = spool_inspect_report(quarantine_fd, ids[i], &text, &msg) == ERR_OK;
        print_row(ids[i], there ? buf_string(&text) : "");
        buf_free(&text);
    }
    free(ids);
    return EXIT_DONE;
}

static int show(int quarantine_fd, const char *segment)
{
    struct buf text = {0};
    struct errmsg msg = {""};
    enum err rc = spool_inspect_report(quarantine_fd, strtoull(segment, NULL, 10), &text, &msg);
    if (rc == ERR_OK)
        fputs(buf_string(&text), stdout);
    else
        fprintf(stderr, "penstock quarantine: no report of segment '%s': %s\n", segment, msg.text);
    buf_free(&text);
    return rc == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

static int open_quarantine(const char *spool)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/quarantine", spool);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fprintf(stderr, "penstock quarantine: '%s': %s\n", path, strerror(errno));
    return fd;
}

int agent_quarantine(const struct agent_command *self, int argc, char **argv)
{
    struct agent_args args;
    const char *value, *spool = NULL;
    int id, count = 0;
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    if (agent_args_begin(&args, self, argc, argv) != EXIT_DONE)
        return EXIT_USAGE;
    while ((id = agent_args_next(&args, &value)) >= 0)
        spool = value; /* the only option */
    if (id == AGENT_ARGS_WRONG)
        return EXIT_USAGE;
    char **words = agent_args_rest(&args, &count);
    bool is_list = count > 0 && strcmp(words[0], "list") == 0,
         is_show = count > 0 && strcmp(words[0], "show") == 0;
    if (!is_list && !is_show)
        return agent_usage_error(self, count == 0 ? "what? list or show" : "unknown command '%s'",
                                 words[0]);
    if (spool == NULL)
        return agent_usage_error(self, "which spool? Give --spool DIR");
    if (count > 1 + is_show)
        return agent_usage_error(self, "unexpected argument '%s'", words[1 + is_show]);
    if (is_show && count == 1)
        return agent_usage_error(self, "which segment?");
    int fd = open_quarantine(spool);
    if (fd < 0)
        return EXIT_FAILED;
    int code = is_list ? list(fd) : show(fd, words[1]);
    close(fd);
    return code;
}
