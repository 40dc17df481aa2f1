/* SPDX-License-Identifier: MIT
 * letters.c - `penstock dead-letter`: read from the spool's directory, changed through the
 * running agent. */
#include "agent/agent.h"

#include "agent/cli/command.h"
#include "agent/offline/spool.h"
#include "agent/run/admin.h"
#include "spool/spool_letters.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct letters_options {
    const char *spool, *topic;
    bool all, yes, json;
    uint64_t *ids; /* from the command line */
    size_t id_count;
};

struct selection {
    const struct letters_options *options;
    void (*each)(struct selection *selection, const struct spool_letter *letter);
    struct buf out; /* texts that `each` has made */
    uint64_t count;
};

/* ---- which ----------------------------------------------------------------------------------- */

static bool is_meant(const struct letters_options *options, const struct spool_letter *letter)
{
    if (options->topic != NULL &&
        !bytes_equal(bytes_of_string(options->topic), letter->event.topic))
        return false;
    for (size_t i = 0; i < options->id_count; i++)
        if (options->ids[i] == letter->id)
            return true;
    return options->id_count == 0;
}

static bool take_letter(void *arg, const struct spool_letter *letter)
{
    struct selection *selection = arg;
    if (is_meant(selection->options, letter)) {
        selection->each(selection, letter);
        selection->count++;
    }
    return !selection->out.failed;
}

static int select_letters(struct selection *selection)
{
    struct errmsg msg = {""};
    enum err rc = spool_letters_read_path(selection->options->spool, take_letter, selection, &msg);
    if (rc == ERR_OK)
        return EXIT_DONE;
    fprintf(stderr, "penstock dead-letter: %s\n", msg.text[0] != '\0' ? msg.text : err_text(rc));
    return EXIT_FAILED;
}

/* ---- showing --------------------------------------------------------------------------------- */

static void put_reason(struct buf *out, const struct spool_letter *letter)
{
    buf_printf(out, "{\"id\":\"%" PRIu64 "\",\"topic\":", letter->id);
    buf_append_json_string(out, (const char *)letter->event.topic.data, letter->event.topic.size);
    buf_append_string(out, ",\"error\":");
    buf_append_json_string(out, letter->reason.error, strlen(letter->reason.error));
    buf_append_string(out, ",\"text\":");
    buf_append_json_string(out, letter->reason.text, strlen(letter->reason.text));
    buf_printf(out, ",\"given_up_ms\":%" PRId64 ",\"bytes\":%zu", letter->reason.time_ms,
               letter->event.key.size + letter->event.value.size + letter->event.headers.size);
}

static void put_row_json(struct selection *selection, const struct spool_letter *letter)
{
    put_reason(&selection->out, letter);
    buf_append_string(&selection->out, "}\n");
}

static void put_row(struct selection *selection, const struct spool_letter *letter)
{
    char when[32] = "?";
    time_t seconds = (time_t)(letter->reason.time_ms / 1000);
    struct tm utc;
    if (selection->count == 0)
        buf_printf(&selection->out, "%-20s %-20s %-24s %-20s %10s\n", "id", "given up", "error",
                   "topic", "bytes");
    if (gmtime_r(&seconds, &utc) != NULL)
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    buf_printf(&selection->out, "%-20" PRIu64 " %-20s %-24s %-20.*s %10zu\n", letter->id, when,
               letter->reason.error, (int)letter->event.topic.size,
               (const char *)letter->event.topic.data,
               letter->event.key.size + letter->event.value.size + letter->event.headers.size);
}

static void put_whole(struct selection *selection, const struct spool_letter *letter)
{
    struct spool_event event = letter->event;
    struct buf *out = &selection->out;
    put_reason(out, letter);
    event.id = letter->id; /* the letter's present id is of no use to people */
    event.origin_id = 0;
    buf_append_string(out, ",\"event\":");
    agent_spool_event_json(&event, out);
    out->size--; /* without the LF */
    buf_append_string(out, "}\n");
}

static int show(const struct letters_options *options,
                void (*each)(struct selection *, const struct spool_letter *), bool must)
{
    struct selection selection = {.options = options, .each = each};
    int code = select_letters(&selection);
    fwrite(selection.out.data, 1, selection.out.size, stdout);
    if (code == EXIT_DONE && selection.count == 0 && must) {
        fprintf(stderr, "penstock dead-letter: there is no such letter in '%s'\n", options->spool);
        code = EXIT_FAILED;
    } else if (code == EXIT_DONE && selection.count == 0 && each == put_row) {
        printf("there are no dead letters\n");
    }
    buf_free(&selection.out);
    return code;
}

/* ---- asking the agent ------------------------------------------------------------------------ */

static int connect_to(const char *spool)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder_fd = open(spool, O_PATH | O_DIRECTORY | O_CLOEXEC),
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" AGENT_ADMIN_SOCKET,
             folder_fd);
    bool good =
        folder_fd >= 0 && fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    int error = errno;
    if (folder_fd >= 0)
        close(folder_fd);
    if (good)
        return fd;
    if (fd >= 0)
        close(fd);
    fprintf(stderr,
            "penstock dead-letter: no agent is running with the spool '%s' (%s: %s); start it, "
            "then try again\n",
            spool, AGENT_ADMIN_SOCKET, strerror(error));
    return -1;
}

static bool send_all(int fd, const struct buf *request)
{
    for (size_t sent = 0; sent < request->size;) {
        ssize_t n = send(fd, request->data + sent, request->size - sent, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static void put_id(struct selection *selection, const struct spool_letter *letter)
{
    buf_printf(&selection->out, " %" PRIu64, letter->id);
}

static int ask(const struct letters_options *options, const char *request)
{
    struct selection selection = {.options = options, .each = put_id};
    char answer[1024];
    buf_append_string(&selection.out, request);
    int code = select_letters(&selection), fd = code == EXIT_DONE ? connect_to(options->spool) : -1;
    if (selection.count < options->id_count)
        fprintf(stderr, "penstock dead-letter: %zu of the ids are no dead letters\n",
                options->id_count - (size_t)selection.count);
    buf_append_char(&selection.out, '\n');
    if (fd >= 0) {
        ssize_t n =
            send_all(fd, &selection.out) ? recv(fd, answer, sizeof answer - 1, MSG_WAITALL) : -1;
        answer[n > 0 ? n : 0] = '\0';
        close(fd);
        bool good = strncmp(answer, "ok ", 3) == 0;
        fprintf(good ? stdout : stderr, good ? "%sed: %s" : "penstock dead-letter %s: %s",
                good && request[0] == 'd' ? "dropp" : request,
                answer[0] == '\0' ? "the agent ended the connection\n"
                : good            ? answer + 3
                                  : answer);
        code = good && selection.count >= options->id_count ? EXIT_DONE : EXIT_FAILED;
    } else {
        code = EXIT_FAILED;
    }
    buf_free(&selection.out);
    return code;
}

/* ---- the command line ------------------------------------------------------------------------ */

static int run_word(const struct agent_command *self, const char *word,
                    const struct letters_options *options)
{
    bool some = options->id_count > 0 || options->topic != NULL || options->all;
    if (strcmp(word, "list") == 0)
        return show(options, options->json ? put_row_json : put_row, false);
    if (strcmp(word, "export") == 0)
        return show(options, put_whole, false);
    if (strcmp(word, "show") == 0)
        return options->id_count == 0 ? agent_usage_error(self, "show which? Give ids")
                                      : show(options, put_whole, true);
    if (!some)
        return agent_usage_error(self, "which? Give ids, --topic TOPIC or --all");
    if (strcmp(word, "drop") == 0 && options->id_count == 0 && !options->yes)
        return agent_usage_error(self, "dropping is for good: give ids, or add --yes");
    return ask(options, word);
}

static int parse_ids(const struct agent_command *self, char **words, int count,
                     struct letters_options *options)
{
    options->ids = calloc((size_t)count + 1, sizeof *options->ids);
    for (int i = 0; options->ids != NULL && i < count; i++) {
        char *end;
        options->ids[options->id_count++] = strtoull(words[i], &end, 10);
        if (end == words[i] || *end != '\0')
            return agent_usage_error(self, "'%s' is no event id", words[i]);
    }
    return options->ids == NULL ? EXIT_FAILED : EXIT_DONE;
}

int agent_letters(const struct agent_command *self, int argc, char **argv)
{
    static const char *const known[] = {"list", "show", "export", "requeue", "drop"};
    struct letters_options options = {0};
    struct agent_args args;
    const char *value;
    int id, count = 0;
    bool is_known = false;
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    if (agent_args_begin(&args, self, argc, argv) != EXIT_DONE)
        return EXIT_USAGE;
    while ((id = agent_args_next(&args, &value)) >= 0) {
        switch (id) {
        case AGENT_OPTION_SPOOL: options.spool = value; break;
        case AGENT_OPTION_TOPIC: options.topic = value; break;
        case AGENT_OPTION_JSON: options.json = true; break;
        case AGENT_OPTION_ALL: options.all = true; break;
        case AGENT_OPTION_YES: options.yes = true; break;
        }
    }
    if (id == AGENT_ARGS_WRONG)
        return EXIT_USAGE;
    char **words = agent_args_rest(&args, &count);
    for (size_t i = 0; count > 0 && i < sizeof known / sizeof known[0]; i++)
        is_known |= strcmp(words[0], known[i]) == 0;
    if (!is_known)
        return agent_usage_error(
            self, count == 0 ? "what? list, show, export, requeue or drop" : "unknown command '%s'",
            words[0]);
    if (options.spool == NULL)
        return agent_usage_error(self, "which spool? Give --spool DIR");
    int code = parse_ids(self, words + 1, count - 1, &options);
    if (code == EXIT_DONE)
        code = run_word(self, words[0], &options);
    free(options.ids);
    return code;
}
