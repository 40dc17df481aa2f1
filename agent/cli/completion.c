/* SPDX-License-Identifier: MIT
 * completion.c - completion for bash and zsh, made from the table of commands. */
#include "agent/cli/command.h"

#include <string.h>

/* Kinds of values that completion can complete, by placeholder. */
static const struct value_kind {
    const char *placeholder;
    const char *bash; /* sets COMPREPLY */
    const char *zsh;  /* an action of _arguments */
} kinds[] = {
    {"FILE", "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\"))", "_files"},
    {"PATH", "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\"))", "_files"},
    {"DIR", "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\"))", "_files -/"},
    {"LEVEL", "COMPREPLY=($(compgen -W 'debug info warn error' -- \"$cur\"))",
     "(debug info warn error)"},
};

static const struct value_kind *kind_of(const char *placeholder)
{
    for (size_t i = 0; placeholder != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].placeholder, placeholder) == 0)
            return &kinds[i];
    return NULL;
}

static void put_commands(const struct agent_commands *commands, struct buf *out)
{
    for (size_t i = 0; i < commands->count; i++)
        buf_printf(out, "%s%s", i == 0 ? "" : " ", commands->items[i].name);
}

/* ---- bash ------------------------------------------------------------------------------------ */

static void put_bash_values(const struct agent_command *command, struct buf *out)
{
    for (const struct agent_option *option = command->options; option->help != NULL; option++) {
        const struct value_kind *kind = kind_of(option->value);
        if (option->value == NULL)
            continue;
        buf_printf(out, "    %s,", command->name);
        if (option->name != NULL)
            buf_printf(out, "--%s", option->name);
        if (option->name != NULL && option->letter != '\0')
            buf_printf(out, " | %s,", command->name);
        if (option->letter != '\0')
            buf_printf(out, "-%c", option->letter);
        buf_printf(out, ") %s; return ;;\n", kind != NULL ? kind->bash : "COMPREPLY=()");
    }
}

static void put_bash_words(const struct agent_command *command, struct buf *out)
{
    buf_printf(out, "    %s) options='--help", command->name);
    for (const struct agent_option *option = command->options; option->help != NULL; option++)
        if (option->name != NULL)
            buf_printf(out, " --%s", option->name);
        else
            buf_printf(out, " -%c", option->letter);
    buf_append_string(out, "' words='");
    for (const struct agent_word *word = command->words; word->name != NULL; word++)
        buf_printf(out, "%s%s", word == command->words ? "" : " ", word->name);
    buf_printf(out, "' operand=%s ;;\n", command->operand != NULL ? command->operand : "''");
}

void agent_completion_bash(const struct agent_commands *commands, struct buf *out)
{
    buf_append_string(out, "# bash completion for penstock; made by `penstock completion bash`.\n"
                           "# shellcheck shell=bash disable=SC2034,SC2207\n"
                           "_penstock() {\n"
                           "    local cur=${COMP_WORDS[COMP_CWORD]} "
                           "prev=${COMP_WORDS[COMP_CWORD-1]} options words operand\n"
                           "    COMPREPLY=()\n"
                           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                           "        COMPREPLY=($(compgen -W '--help --version ");
    put_commands(commands, out);
    buf_append_string(out, "' -- \"$cur\"))\n        return\n    fi\n"
                           "    case ${COMP_WORDS[1]},$prev in\n");
    for (size_t i = 0; i < commands->count; i++)
        put_bash_values(&commands->items[i], out);
    buf_append_string(out, "    esac\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < commands->count; i++)
        put_bash_words(&commands->items[i], out);
    buf_append_string(out, "    *) return ;;\n    esac\n"
                           "    if [[ $cur == -* ]]; then\n"
                           "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                           "    elif [ -n \"$words\" ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                           "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n");
    buf_printf(out, "    elif [ \"$operand\" = FILE ]; then\n        %s\n", kind_of("FILE")->bash);
    buf_printf(out, "    elif [ \"$operand\" = DIR ]; then\n        %s\n    fi\n}\n",
               kind_of("DIR")->bash);
    buf_append_string(out, "complete -F _penstock penstock\n");
}

/* ---- zsh ------------------------------------------------------------------------------------- */

/* Escapes text within single quotes, also what _arguments and _describe would read as a mark. */
static void put_zsh_text(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\'')
            buf_append_string(out, "'\\''");
        else if (strchr("[]:\\", *text) != NULL)
            buf_printf(out, "\\%c", *text);
        else
            buf_append_char(out, *text);
}

static void put_zsh_option(const struct agent_option *option, const char *dashes, const char *name,
                           struct buf *out)
{
    buf_printf(out, " \\\n            '*%s%s[", dashes, name);
    put_zsh_text(out, option->help);
    buf_append_char(out, ']');
    if (option->value != NULL) {
        const struct value_kind *kind = kind_of(option->value);
        buf_append_char(out, ':');
        put_zsh_text(out, option->value);
        buf_printf(out, ":%s", kind != NULL ? kind->zsh : " ");
    }
    buf_append_char(out, '\'');
}

static void put_zsh_words(const struct agent_command *command, struct buf *out)
{
    buf_append_string(out, " \\\n            '1:what:((");
    for (const struct agent_word *word = command->words; word->name != NULL; word++) {
        buf_printf(out, "%s%s\\:\"", word == command->words ? "" : " ", word->name);
        for (const char *p = word->help; *p != '\0'; p++)
            if (strchr("\"'`$\\:", *p) == NULL)
                buf_append_char(out, *p);
        buf_append_char(out, '"');
    }
    buf_append_string(out, "))'");
}

static void put_zsh_command(const struct agent_command *command, struct buf *out)
{
    buf_printf(out, "    %s)\n        _arguments -S '(- *)--help[show the options]'",
               command->name);
    for (const struct agent_option *option = command->options; option->help != NULL; option++) {
        char letter[2] = {option->letter, '\0'};
        if (option->letter != '\0')
            put_zsh_option(option, "-", letter, out);
        if (option->name != NULL)
            put_zsh_option(option, "--", option->name, out);
    }
    if (command->words[0].name != NULL)
        put_zsh_words(command, out);
    if (command->operand != NULL)
        buf_printf(out, " \\\n            '*:%s:%s'", command->operand,
                   kind_of(command->operand)->zsh);
    buf_append_string(out, "\n        ;;\n");
}

void agent_completion_zsh(const struct agent_commands *commands, struct buf *out)
{
    buf_append_string(
        out,
        "#compdef penstock\n# zsh completion for penstock; made by `penstock completion zsh`.\n"
        "_penstock() {\n    local -a commands\n    commands=(\n");
    for (size_t i = 0; i < commands->count; i++) {
        buf_printf(out, "        '%s:", commands->items[i].name);
        put_zsh_text(out, commands->items[i].summary);
        buf_append_string(out, "'\n");
    }
    buf_append_string(
        out, "    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        "
             "return\n    fi\n"
             "    local command=${words[2]}\n"
             "    words=(\"penstock $command\" \"${(@)words[3,-1]}\")\n    (( CURRENT -= 1 ))\n"
             "    case $command in\n");
    for (size_t i = 0; i < commands->count; i++)
        put_zsh_command(&commands->items[i], out);
    buf_append_string(out,
                      "    esac\n}\n"
                      "# Autoloaded by compinit, or sourced.\n"
                      "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    _penstock \"$@\"\n"
                      "else\n    compdef _penstock penstock\nfi\n");
}
