/* SPDX-License-Identifier: MIT
 * agent_commands.c - the table: every command, its options, and the words that explain them. */
#include "agent/agent.h"

#include "agent/cli/cli.h"
#include "agent/client/http_client.h"

#include <string.h>

/* Table to be read, and help texts whose lines are broken where a reader breaks them: */
/* clang-format off */
#define OPTION_CONFIG(text) {"config", 0, AGENT_OPTION_CONFIG, "FILE", text}
#define OPTION_SPOOL(text) {"spool", 0, AGENT_OPTION_SPOOL, "DIR", text}
#define OPTION_LEVEL \
    {"log-level", 0, AGENT_OPTION_LEVEL, "LEVEL", "debug, info, warn or error (log.level)"}
#define OPTION_URL \
    {"url", 0, AGENT_OPTION_URL, "URL", "the agent (default " AGENT_HTTP_URL_DEFAULT ")"}
#define OPTION_UNIX {"unix", 0, AGENT_OPTION_UNIX, "PATH", "the agent's Unix socket instead"}

/* Commands that print texts made from the whole table. */
static int man(const struct agent_command *self, int argc, char **argv)
{
    return agent_print_man(&agent_commands, self, argc, argv);
}

static int completion(const struct agent_command *self, int argc, char **argv)
{
    return agent_print_completion(&agent_commands, self, argc, argv);
}

static const struct agent_command commands[] = {
    {
        .name = "init",
        .run = agent_init,
        .summary = "make a spool, or give one a new id",
        .usage = {"--spool DIR | --config FILE", "--new-id --spool DIR | --config FILE"},
        .about = "Makes a spool where there is none, once its filesystems are mounted, and prints "
                 "its id (for spool.id). One that is there already stays as it is; its id is "
                 "printed.",
        .options = {OPTION_SPOOL("the spool's directory; made in a directory that exists"),
                    OPTION_CONFIG("the settings of the agent that will use it: spool.path, "
                                  "spool.require_mount and, with --new-id, spool.id count"),
                    {"new-id", 0, AGENT_OPTION_NEW_ID, NULL,
                     "give the spool that is there a new id, and print that: for one that was "
                     "copied, restored or went back, so that its agent has stopped forwarding "
                     "(cursor_not_believed). No agent may be using it"}},
        .notes = "After --new-id the next run goes on behind the spool's own cursor: all that was "
                 "pending in it is sent, and so what was delivered since the copy or backup was "
                 "made is sent again. Events stay what and where they are; receipts of the old id "
                 "are answered 404. A crash on the way leaves the old id or the new one.",
        .exits = "0 the spool is there, 1 it could not be made or changed (in use, or the one "
                 "there is damaged), 2 usage or configuration",
    },
    {
        .name = "run",
        .run = agent_run,
        .summary = "run the agent in the foreground",
        .usage = {"[--config FILE | --mock-kafka] [--spool DIR] [--listen ADDR]... [--log-level "
                  "LEVEL]"},
        .about = "Runs the agent in the foreground: takes events over HTTP, syncs them into the "
                 "spool, forwards them to Kafka.",
        .options = {OPTION_CONFIG("settings as YAML: penstock.yaml(5)"),
                    {"mock-kafka", 0, AGENT_OPTION_MOCK, NULL,
                     "try it without a Kafka: an embedded one in memory, and the spool is made if "
                     "there is none"},
                    OPTION_SPOOL("the spool's directory (spool.path; with --mock-kafka "
                                 "./penstock-data by default)"),
                    {"listen", 0, AGENT_OPTION_LISTEN, "ADDR",
                     "127.0.0.1:8080, [::1]:8080 or unix:/path; can be given several times "
                     "(listen.http)"},
                    OPTION_LEVEL},
        .notes = "A spool that isn't there (not mounted, not made, another one) is waited for: "
                 "events get 503 until it is.\n"
                 "SIGHUP: the settings of FILE are read again; those that penstock.yaml(5) marks "
                 "with `reloads` take effect without dropping a connection, any other change is "
                 "refused.\n"
                 "SIGTERM: what was taken is committed and flushed to Kafka for up to 5 s; a "
                 "second SIGTERM ends at once.",
        .exits = "0 stopped, 1 could not start, 2 usage or configuration",
    },
    {
        .name = "check-config",
        .run = agent_check_config,
        .summary = "check a configuration file without starting anything",
        .usage = {"[--config] FILE", "--print-reference | --print-example"},
        .about = "Checks everything that can be checked without starting: syntax, names, types, "
                 "ranges, addresses, Kafka properties.",
        .options = {OPTION_CONFIG("the file; the same as without --config"),
                    {"print-reference", 0, AGENT_OPTION_PRINT_REFERENCE, NULL,
                     "the reference of all settings, as Markdown"},
                    {"print-example", 0, AGENT_OPTION_PRINT_EXAMPLE, NULL,
                     "a file with every setting at its default"}},
        .operand = "FILE",
        .exits = "0 fine, 2 not fine",
    },
    {
        .name = "produce",
        .run = agent_produce,
        .summary = "send lines from stdin or a file to the agent, until it has accepted every one",
        .usage = {"-t TOPIC [OPTIONS] [FILE...]"},
        .about = "Sends each line of stdin as an event and waits until the agent has synced every "
                 "one. While the agent is away or refuses for now it waits and tries again; "
                 "nothing is dropped. Lines go out after 50 ms or 1 MB, whichever comes first.",
        .options = {{"topic", 't', 't', "TOPIC", "where to"},
                    {NULL, 'k', 'k', "KEY",
                     "key of all events (of those without one of their own, with -K)"},
                    {NULL, 'K', 'K', "DELIMITER",
                     "each line is KEY DELIMITER VALUE, split at the first one; \\t \\n \\r \\xHH "
                     "stand for bytes. A line without it is a value without key"},
                    {NULL, 'H', 'H', "NAME=VALUE",
                     "a header for all events (can be given several times); NAME alone: with a "
                     "null value"},
                    {NULL, 'p', 'p', "PARTITION", "ask for a partition"},
                    {NULL, 'l', 'l', NULL,
                     "the FILEs hold lines (otherwise each FILE is one event)"},
                    {NULL, 'Z', 'Z', NULL, "an empty key or value is null"},
                    {NULL, 'c', 'c', "COUNT", "stop after so many events"},
                    {"timeout", 0, AGENT_OPTION_TIMEOUT, "TIME",
                     "give up when the agent has not taken an event for so long: 30s, 5m, or "
                     "seconds (default: never)"},
                    OPTION_URL, OPTION_UNIX,
                    {"quiet", 'q', 'q', NULL, "no counts at the end, and nothing about waiting"}},
        .operand = "FILE",
        .notes = "An empty line is skipped. A line that the agent refuses is reported by its "
                 "number; the others go on.\n"
                 "On SIGINT or SIGTERM the whole lines that were read are sent first; a second "
                 "signal ends at once.",
        .exits = "0 every line accepted, 1 some refused or given up, 2 usage, 128 + signal when "
                 "interrupted",
    },
    {
        .name = "spool",
        .run = agent_spool,
        .summary = "look into a spool: verify, ls, peek, export",
        .usage = {"verify DIR [--json]", "ls DIR", "peek DIR [FILTERS] [-n COUNT]",
                  "export DIR [FILTERS] [--output FILE]"},
        .about = "Look into a spool, also while an agent uses it or when it is damaged. Nothing is "
                 "changed.",
        .words = {{"verify",
                   "reads everything and says what is damaged and which events are missing; what "
                   "is in quarantine with its loss report was dealt with, and doesn't count"},
                  {"ls", "its segments and cursors"},
                  {"peek", "the first events (10, or -n) as JSON Lines"},
                  {"export",
                   "all events as JSON Lines; keys and values that are no UTF-8 as base64"}},
        .options = {{"topic", 0, AGENT_OPTION_TOPIC, "TOPIC", "only of this topic"},
                    {"from-id", 0, AGENT_OPTION_FROM, "ID", "only from this event id on"},
                    {"to-id", 0, AGENT_OPTION_TO, "ID", "only up to this event id, it included"},
                    {"since", 0, AGENT_OPTION_SINCE, "MS",
                     "only with times from this one on, in ms since 1970"},
                    {"until", 0, AGENT_OPTION_UNTIL, "MS", "only with times up to this one"},
                    {"pending", 0, AGENT_OPTION_PENDING, NULL,
                     "only what the cursors say is not yet in Kafka"},
                    {NULL, 'n', 'n', "COUNT", "peek: so many events"},
                    {"json", 0, AGENT_OPTION_JSON, NULL, "verify: the result as JSON"},
                    {"output", 0, AGENT_OPTION_OUTPUT, "FILE",
                     "export: into this file, there once it is complete"}},
        .operand = "DIR",
        .exits = "0 done (verify: intact), 1 failed (verify: damaged), 2 usage, 3 verify could not "
                 "read all",
    },
    {
        .name = "quarantine",
        .run = agent_quarantine,
        .summary = "show what was damaged, and what is missing",
        .usage = {"list --spool DIR", "show --spool DIR SEGMENT"},
        .about = "What was damaged in a spool, and which events are missing. Nothing has to be "
                 "done about it: what is intact has been delivered, and the damaged files go away "
                 "by themselves (quarantine.max_age, quarantine.max_size).",
        .words = {{"list", "one line for each damaged segment"},
                  {"show", "the whole loss report, as JSON"}},
        .options = {OPTION_SPOOL("the spool's directory")},
        .exits = "0 shown, 1 failed, 2 usage",
    },
    {
        .name = "dead-letter",
        .run = agent_letters,
        .summary = "events that Kafka can never take: list, show, export, requeue, drop",
        .usage = {"list --spool DIR [--topic TOPIC] [--json]", "show --spool DIR ID...",
                  "export --spool DIR [--topic TOPIC]",
                  "requeue --spool DIR ID... | --topic TOPIC | --all",
                  "drop --spool DIR ID... | (--topic TOPIC | --all) --yes"},
        .about = "Dead letters: events that Kafka refuses for what they are (too large for their "
                 "topic, no key where one must be, a partition that the topic doesn't have), each "
                 "with the reason. Looking at them needs no agent; requeuing and dropping goes "
                 "through the agent that has the spool (its admin.sock), so with its rights.",
        .words = {{"list", "one line for each"},
                  {"show", "all of it, as JSON"},
                  {"export", "all of them as JSON Lines, as show prints them"},
                  {"requeue",
                   "each becomes a new event of its topic, with a header penstock-origin that "
                   "holds the old id"},
                  {"drop", "away for good; they stay counted as dead-lettered"}},
        .options = {OPTION_SPOOL("the spool's directory"),
                    {"topic", 0, AGENT_OPTION_TOPIC, "TOPIC", "only of this topic"},
                    {"json", 0, AGENT_OPTION_JSON, NULL, "list: JSON Lines"},
                    {"all", 0, AGENT_OPTION_ALL, NULL, "requeue, drop: all of them"},
                    {"yes", 0, AGENT_OPTION_YES, NULL, "drop: without ids, it is meant so"}},
        .notes = "A crash while letters are requeued or dropped can leave some of them there, "
                 "never lose one.",
        .exits = "0 done, 1 failed or no such letter, 2 usage",
    },
    {
        .name = "drain",
        .run = agent_drain,
        .summary = "forward a spool taken from a dead host to Kafka",
        .usage = {"--spool DIR [--config FILE] [--bootstrap HOST:PORT] [--timeout TIME] "
                  "[--log-level LEVEL]"},
        .about = "Forwards to Kafka what a spool still holds, for a disk that was taken from a "
                 "dead host. Takes nothing new and changes nothing in the directory but the file "
                 "`cursors`, so that it can be stopped and goes on where it was.",
        .options = {OPTION_SPOOL("the spool's directory; no agent may be using it"),
                    OPTION_CONFIG("settings as for `penstock run`: its `kafka` and `bridge` "
                                  "sections count"),
                    {"bootstrap", 0, AGENT_OPTION_BOOTSTRAP, "HOST:PORT",
                     "Kafka's address (kafka.bootstrap.servers)"},
                    {"timeout", 0, AGENT_OPTION_TIMEOUT, "TIME",
                     "give up after this long (30s, 5m); by default it waits for Kafka for ever"},
                    OPTION_LEVEL},
        .exits = "0 everything readable is in Kafka, 1 some is left (or it could not start), 2 "
                 "usage or configuration",
    },
    {
        .name = "status",
        .run = agent_status,
        .summary = "show what a running agent is doing",
        .usage = {"[--json] [--url URL | --unix PATH]"},
        .about = "Shows what a running agent is doing.",
        .options = {{"json", 0, AGENT_OPTION_JSON, NULL,
                     "the same and more as JSON (the agent's page /status)"},
                    OPTION_URL, OPTION_UNIX},
        .exits = "0 shown, 1 no agent answers, 2 usage",
    },
    {
        .name = "man",
        .run = man,
        .summary = "print a man page",
        .usage = {"1 | 5"},
        .about = "Prints a man page, for man(1) to show: `penstock man 5 | man -l -`.",
        .words = {{"1", "penstock(1), this program"}, {"5", "penstock.yaml(5), its settings"}},
        .exits = "0 printed, 2 usage",
    },
    {
        .name = "completion",
        .run = completion,
        .summary = "print what completes command lines in bash or zsh",
        .usage = {"bash | zsh"},
        .about = "Prints what a shell completes command lines with. In bash: `source <(penstock "
                 "completion bash)`. For zsh: a file `_penstock` in a directory of $fpath.",
        .words = {{"bash", "for bash, with or without the package bash-completion"},
                  {"zsh", "for zsh"}},
        .exits = "0 printed, 2 usage",
    },
    {
        .name = "version",
        .run = agent_version,
        .summary = "print the version",
        .usage = {""},
        .about = "Prints the version.",
        .exits = "0 printed",
    },
};
const struct agent_commands agent_commands = {commands, sizeof commands / sizeof commands[0]};
