/* SPDX-License-Identifier: MIT
 * help.c - what `--help` shows, made from the table of commands. */
#include "agent/cli/command.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 110, SUMMARY_COLUMN = 17, LABEL_MAX = 26 };

/* Words from `column` on; further lines begin at `indent`. */
static void put_wrapped(struct buf *out, const char *words, size_t column, size_t indent)
{
    bool first = true;
    while (*words != '\0') {
        size_t size = strcspn(words, " \n");
        if (!first && column + 1 + size > COLUMNS) {
            buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            buf_append_char(out, ' ');
            column++;
        }
        buf_append(out, words, size);
        column += size;
        words += size;
        first = *words == '\n';
        if (first) {
            buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        words += *words != '\0';
    }
    buf_append_char(out, '\n');
}

static void option_label(const struct agent_option *option, char *label, size_t size)
{
    char letter[8] = "";
    if (option->letter != '\0')
        snprintf(letter, sizeof letter, "-%c%s", option->letter, option->name != NULL ? ", " : "");
    snprintf(label, size, "%s%s%s%s%s", letter, option->name != NULL ? "--" : "",
             option->name != NULL ? option->name : "", option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
}

static size_t widest_label(const struct agent_command *command)
{
    size_t widest = 0;
    char label[64];
    for (const struct agent_word *word = command->words; word->name != NULL; word++)
        widest = strlen(word->name) > widest ? strlen(word->name) : widest;
    for (const struct agent_option *option = command->options; option->help != NULL; option++) {
        option_label(option, label, sizeof label);
        widest = strlen(label) > widest ? strlen(label) : widest;
    }
    return widest < LABEL_MAX ? widest : LABEL_MAX;
}

static void put_item(struct buf *out, const char *label, size_t widest, const char *help)
{
    buf_printf(out, "  %-*s  ", (int)widest, label);
    put_wrapped(out, help, widest + 4, widest + 4);
}

static void put_items(const struct agent_command *command, struct buf *out)
{
    size_t widest = widest_label(command);
    char label[64];
    for (const struct agent_word *word = command->words; word->name != NULL; word++)
        put_item(out, word->name, widest, word->help);
    if (command->words[0].name != NULL && command->options[0].help != NULL)
        buf_append_char(out, '\n');
    for (const struct agent_option *option = command->options; option->help != NULL; option++) {
        option_label(option, label, sizeof label);
        put_item(out, label, widest, option->help);
    }
    if (widest > 0)
        buf_append_char(out, '\n');
}

void agent_help_command(const struct agent_command *command, struct buf *out)
{
    for (size_t i = 0; command->usage[i] != NULL; i++)
        buf_printf(out, "%s penstock %s%s%s\n", i == 0 ? "usage:" : "      ", command->name,
                   command->usage[i][0] != '\0' ? " " : "", command->usage[i]);
    buf_append_char(out, '\n');
    put_wrapped(out, command->about, 0, 0);
    buf_append_char(out, '\n');
    put_items(command, out);
    if (command->notes != NULL)
        put_wrapped(out, command->notes, 0, 0);
    buf_append_string(out, "exit codes: ");
    put_wrapped(out, command->exits, strlen("exit codes: "), strlen("exit codes: "));
}

void agent_help_program(const struct agent_commands *commands, struct buf *out)
{
    buf_append_string(out, "penstock - durable spool on each host, bridged to Kafka\n\n"
                           "usage: penstock COMMAND [OPTIONS]\n\ncommands:\n");
    for (size_t i = 0; i < commands->count; i++) {
        buf_printf(out, "  %-*s", SUMMARY_COLUMN - 2, commands->items[i].name);
        put_wrapped(out, commands->items[i].summary, SUMMARY_COLUMN, SUMMARY_COLUMN);
    }
    buf_append_string(
        out, "\n`penstock COMMAND --help` shows a command's options, `man penstock` all of them.\n"
             "Try it: penstock run --mock-kafka\n"
             "exit codes: 0 done, 1 failed, 2 usage or configuration\n");
}
