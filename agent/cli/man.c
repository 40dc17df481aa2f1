/* SPDX-License-Identifier: MIT
 * man.c - penstock(1), made from the table of commands. */
#include "agent/cli/command.h"

#include "base/roff.h"

#include <ctype.h>
#include <string.h>

static void put_bold(struct buf *out, const char *dashes, const char *name)
{
    buf_append_string(out, "\\fB");
    for (const char *p = dashes; *p != '\0'; p++)
        buf_append_string(out, "\\-");
    for (const char *p = name; *p != '\0'; p++)
        buf_printf(out, *p == '-' ? "\\-" : "%c", *p);
    buf_append_string(out, "\\fR");
}

static void put_option(const struct agent_option *option, struct buf *out)
{
    char letter[2] = {option->letter, '\0'};
    buf_append_string(out, ".TP\n");
    if (option->letter != '\0')
        put_bold(out, "-", letter);
    if (option->name != NULL) {
        buf_append_string(out, option->letter != '\0' ? ", " : "");
        put_bold(out, "--", option->name);
    }
    if (option->value != NULL)
        buf_printf(out, " \\fI%s\\fR", option->value);
    buf_append_char(out, '\n');
    roff_text(out, option->help);
}

/* Text with a paragraph in each line. */
static void put_paragraphs(struct buf *out, const char *text)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        struct buf line = {0};
        buf_append(&line, text, size);
        buf_append_string(out, ".PP\n");
        roff_text(out, buf_string(&line));
        buf_free(&line);
        text += size + (text[size] == '\n');
    }
}

/* Usage with a bold name; words in capitals are what the reader puts in. */
static void put_usage(const char *name, const char *usage, struct buf *out)
{
    put_bold(out, "", "penstock");
    buf_append_char(out, ' ');
    put_bold(out, "", name);
    buf_append_string(out, usage[0] != '\0' ? " " : "");
    for (const char *p = usage; *p != '\0'; p++) {
        bool placeholder = isupper((unsigned char)p[0]) && isupper((unsigned char)p[1]);
        size_t size = placeholder ? strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ:") : 1;
        if (placeholder)
            buf_printf(out, "\\fI%.*s\\fR", (int)size, p);
        else
            buf_printf(out, *p == '-' ? "\\-" : "%c", *p);
        p += size - 1;
    }
    buf_append_char(out, '\n');
}

static void put_command(const struct agent_command *command, struct buf *out)
{
    buf_append_string(out, ".SS ");
    roff_argument(out, command->name);
    buf_append_char(out, '\n');
    for (size_t i = 0; command->usage[i] != NULL; i++) {
        buf_append_string(out, i == 0 ? "" : ".br\n");
        put_usage(command->name, command->usage[i], out);
    }
    put_paragraphs(out, command->about);
    for (const struct agent_word *word = command->words; word->name != NULL; word++) {
        buf_append_string(out, ".TP\n");
        put_bold(out, "", word->name);
        buf_append_char(out, '\n');
        roff_text(out, word->help);
    }
    for (const struct agent_option *option = command->options; option->help != NULL; option++)
        put_option(option, out);
    if (command->notes != NULL)
        put_paragraphs(out, command->notes);
    buf_append_string(out, ".PP\nExit codes: ");
    roff_text(out, command->exits);
}

/* Files that the table doesn't name. */
static const char *const files[][2] = {
    {PENSTOCK_CONFIG_DIR "/penstock.yaml",
     "the settings of the agent that systemd runs: penstock.yaml(5)"},
    {"/var/lib/penstock", "its spool"},
    {"/run/penstock/http.sock", "its Unix socket"},
};

void agent_man_program(const struct agent_commands *commands, struct buf *out)
{
    buf_append_string(
        out, ".\\\" Made by `penstock man 1` from agent/agent_commands.c: edit the text there.\n"
             ".TH PENSTOCK 1 \"\" \"penstock " PENSTOCK_VERSION "\"\n"
             ".SH NAME\npenstock \\- durable spool on each host, bridged to Kafka\n"
             ".SH SYNOPSIS\n\\fBpenstock\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
             ".SH DESCRIPTION\n");
    roff_text(out, "Programs on a host post events over HTTP. Penstock writes them to a synced "
                   "spool on that host before it "
                   "answers, and forwards them to Kafka. An event is forgotten only once Kafka has "
                   "acknowledged it.");
    buf_append_string(out, ".PP\n");
    roff_text(out, "A first try without a Kafka: `penstock run --mock-kafka`.");
    buf_append_string(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < commands->count; i++)
        put_command(&commands->items[i], out);
    buf_append_string(out, ".SH FILES\n");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        buf_printf(out, ".TP\n\\fI%s\\fR\n", files[i][0]);
        roff_text(out, files[i][1]);
    }
    buf_append_string(out, ".SH SEE ALSO\n.BR penstock.yaml (5),\n.BR systemctl (1)\n");
}
