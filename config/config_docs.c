/* SPDX-License-Identifier: MIT
 * config_docs.c - the reference page and the example file, made from the table of settings. */
#include "base/roff.h"
#include "config/config_apply.h"

#include <stdio.h>

/* Text with each paragraph and list item on one line; wrap_page() breaks the lines. */
static const char *const intro =
    "# Configuration\n"
    "\n"
    "<!-- Made by `penstock check-config --print-reference` from config/config_keys.c. -->\n"
    "\n"
    "Penstock reads one YAML file: `penstock run --config penstock.yaml`. "
    "`penstock check-config penstock.yaml` checks that file without starting anything. "
    "[penstock.example.yaml](penstock.example.yaml) holds every setting at its default.\n"
    "\n"
    "```yaml\n"
    "spool:\n"
    "  path: /var/lib/penstock\n"
    "  create: true\n"
    "listen:\n"
    "  http: [\"127.0.0.1:8080\", \"unix:/run/penstock/http.sock\"]\n"
    "kafka:                       # librdkafka properties\n"
    "  bootstrap.servers: 127.0.0.1:9092\n"
    "```\n"
    "\n"
    "Reading is strict. These are errors: an unknown name, a value of the wrong type or out of its "
    "range, a setting given twice. The message names file, line and column, and the nearest name "
    "that exists. Anchors, aliases, tags and several documents in one file are not supported.\n"
    "\n"
    "- **Sizes** are `1000000`, `512KiB`, `32MiB`, `10GiB` (powers of 1024) or `64kB`, `64MB`, "
    "`10GB` (powers of 1000).\n"
    "- **Durations** have a unit: `500ms`, `10s`, `5m`, `2h`, `1d`.\n"
    "- `${NAME}` anywhere in a value is replaced by that environment variable, which must be set. "
    "`$${` stands for `${`.\n"
    "- **Reload**: on SIGHUP (`systemctl reload penstock`) the agent reads the file again and "
    "takes "
    "over the settings marked `reloads`, without dropping a connection. All properties below "
    "`kafka` reload too: the agent makes a new producer with them. A file with a mistake, or with "
    "a change of another setting, is refused with the reason, and the agent keeps its settings.\n"
    "- **Secrets**: below `kafka`, `file:/path` is replaced by the content of that file without "
    "its "
    "last newline. Values from a file or from the environment, and values that librdkafka treats "
    "as a secret, never appear in a message or a log.\n";

static const char *const kafka_text =
    "Any producer property of librdkafka can stand here, for example:\n"
    "\n"
    "```yaml\n"
    "kafka:\n"
    "  bootstrap.servers: kafka-1:9093,kafka-2:9093\n"
    "  security.protocol: sasl_ssl\n"
    "  sasl.mechanisms: SCRAM-SHA-512\n"
    "  sasl.username: ${KAFKA_USER}\n"
    "  sasl.password: file:/run/secrets/kafka-password\n"
    "```\n"
    "\n"
    "`bootstrap.servers` is required. Two defaults differ from librdkafka's: `compression.type` is "
    "`lz4`, and `partitioner` is `murmur2_random` (where Java's producer "
    "puts a key). Properties "
    "that would break a promise (`acks`, `enable.idempotence`, `message.timeout.ms`, "
    "`transactional.id`, …) are refused with the reason.\n";

static const char *const type_names[] = {
    [CONFIG_BOOL] = "true or false", [CONFIG_SIZE] = "size",
    [CONFIG_DURATION] = "duration",  [CONFIG_COUNT] = "number",
    [CONFIG_MODE] = "octal mode",    [CONFIG_ENUM] = "choice",
    [CONFIG_STRING] = "text",        [CONFIG_LIST] = "list of texts",
};

static void put_choices(const struct config_key *key, struct buf *out, const char *quote)
{
    bool first = true;
    for (const struct config_choice *choice = key->choices; choice->name != NULL; choice++) {
        if (choice->unavailable != NULL)
            continue;
        buf_printf(out, "%s%s%s%s", first ? "" : ", ", quote, choice->name, quote);
        first = false;
    }
}

static void put_range(const struct config_key *key, struct buf *out, const char *quote)
{
    buf_append_string(out, quote);
    config_key_format(key, key->min, out);
    buf_printf(out, "%s to %s", quote, quote);
    config_key_format(key, key->max, out);
    buf_append_string(out, quote);
}

static void put_default(const struct config_key *key, struct buf *out)
{
    if (key->type == CONFIG_LIST)
        buf_printf(out, key->fallback == NULL ? "[]" : "[\"%s\"]", key->fallback);
    else
        buf_append_string(out, key->fallback == NULL ? "" : key->fallback);
}

static void put_facts(const struct config_key *key, struct buf *out)
{
    buf_printf(out, "%s", type_names[key->type]);
    if (key->type == CONFIG_ENUM) {
        buf_append_string(out, " of ");
        put_choices(key, out, "`");
    } else if (key->max != 0) {
        buf_append_string(out, ", ");
        put_range(key, out, "`");
    }
    if (key->reloads)
        buf_append_string(out, "; `reloads`");
    if (key->required)
        buf_append_string(out, "; **required**");
    else if (key->fallback == NULL)
        buf_append_string(out, "; default: none");
    else {
        buf_append_string(out, "; default: `");
        put_default(key, out);
        buf_append_char(out, '`');
    }
}

static void put_row(const struct config_key *key, struct buf *out)
{
    buf_printf(out, "\n### `%s`\n\n", key->name);
    put_facts(key, out);
    buf_printf(out, "\n\n%s\n", key->help);
}

/* ---- the page's width ------------------------------------------------------------------------ */

#define PAGE_COLUMNS 100

/* Characters, not bytes: in UTF-8 every byte but a continuation byte begins one. */
static size_t columns_of(const char *text, size_t size)
{
    size_t columns = 0;
    for (size_t i = 0; i < size; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

/* The size of the word that text begins with. A blank within `code` does not end the word, so that
 * no code span is broken over two lines. */
static size_t word_size(const char *text, size_t size)
{
    bool code = false;
    size_t at = 0;
    for (; at < size && (code || text[at] != ' '); at++)
        code ^= text[at] == '`';
    return at;
}

/* Breaks a paragraph or list item; the further lines of an item are indented. */
static void wrap_line(const char *line, size_t size, struct buf *out)
{
    bool item = size > 1 && line[0] == '-' && line[1] == ' ';
    size_t column = 0;
    for (size_t at = 0; at < size; at++) {
        size_t word = word_size(line + at, size - at);
        size_t columns = columns_of(line + at, word);
        if (column > 0 && column + 1 + columns > PAGE_COLUMNS) {
            buf_append_string(out, item ? "\n  " : "\n");
            column = item ? 2 : 0;
        } else if (column > 0) {
            buf_append_char(out, ' ');
            column++;
        }
        buf_append(out, line + at, word);
        column += columns;
        at += word;
    }
    buf_append_char(out, '\n');
}

/* Breaks the lines of a page, except those in ``` blocks. */
static void wrap_page(const char *page, struct buf *out)
{
    bool code = false;
    while (*page != '\0') {
        size_t size = strcspn(page, "\n");
        bool mark = strncmp(page, "```", 3) == 0;
        code ^= mark;
        if (code || mark) {
            buf_append(out, page, size);
            buf_append_char(out, '\n');
        } else {
            wrap_line(page, size, out);
        }
        page += size + (page[size] == '\n');
    }
}

static void put_page(struct buf *out)
{
    buf_append_string(out, intro);
    for (size_t section = 0; section < config_section_count; section++) {
        buf_printf(out, "\n## %s\n\n%s\n", config_sections[section].name,
                   config_sections[section].help);
        if (strcmp(config_sections[section].name, CONFIG_KAFKA) == 0)
            buf_printf(out, "\n%s", kafka_text);
        for (size_t i = 0; i < config_key_count; i++)
            if (config_section_of(config_keys[i].name, section))
                put_row(&config_keys[i], out);
    }
}

void config_docs_page(struct buf *out)
{
    struct buf page = {0};
    put_page(&page);
    wrap_page(buf_string(&page), out);
    buf_free(&page);
}

/* ---- the man page ---------------------------------------------------------------------------- */

/* Facts that have a line of their own on the page: the type, range and default. */
static void put_man_facts(const struct config_key *key, struct buf *out)
{
    struct buf facts = {0};
    put_facts(key, &facts);
    roff_markdown(out, buf_string(&facts));
    buf_free(&facts);
}

static void put_man_section(size_t section, struct buf *out)
{
    buf_append_string(out, ".SS ");
    roff_argument(out, config_sections[section].name);
    buf_append_char(out, '\n');
    roff_text(out, config_sections[section].help);
    if (strcmp(config_sections[section].name, CONFIG_KAFKA) == 0) {
        buf_append_string(out, ".PP\n");
        roff_markdown(out, kafka_text);
    }
    for (size_t i = 0; i < config_key_count; i++) {
        if (!config_section_of(config_keys[i].name, section))
            continue;
        buf_printf(out, ".TP\n\\fB%s\\fR\n", config_keys[i].name);
        put_man_facts(&config_keys[i], out);
        buf_append_string(out, ".IP\n");
        roff_text(out, config_keys[i].help);
    }
}

void config_docs_man(const char *version, struct buf *out)
{
    buf_append_string(
        out, ".\\\" Made by `penstock man 5` from config/config_keys.c: edit the text there.\n");
    buf_printf(out, ".TH PENSTOCK.YAML 5 \"\" \"penstock %s\"\n", version);
    buf_append_string(
        out, ".SH NAME\npenstock.yaml \\- settings of the agent penstock\n.SH DESCRIPTION\n");
    roff_markdown(out, intro);
    buf_append_string(out, ".SH SETTINGS\n");
    for (size_t section = 0; section < config_section_count; section++)
        put_man_section(section, out);
    buf_append_string(out, ".SH SEE ALSO\n.BR penstock (1)\n");
}

/* ---- the example file ------------------------------------------------------------------------ */

/* Words as comment lines of at most about 100 columns, without the page's code marks. */
static void put_comment(const char *words, struct buf *out)
{
    size_t column = 0;
    while (*words != '\0') {
        size_t size = strcspn(words, " ");
        if (column == 0 || column + size > 98) {
            buf_append_string(out, column == 0 ? "  #" : "\n  #");
            column = 3;
        }
        buf_append_char(out, ' ');
        for (size_t i = 0; i < size; i++)
            if (words[i] != '`')
                buf_append_char(out, words[i]);
        column += size + 1;
        words += size + (words[size] == ' ');
    }
    buf_append_char(out, '\n');
}

static void put_example_row(const struct config_key *key, struct buf *out)
{
    put_comment(key->help, out);
    if (key->type == CONFIG_ENUM || key->max != 0) {
        buf_append_string(out, "  # ");
        if (key->type == CONFIG_ENUM)
            put_choices(key, out, "");
        else
            put_range(key, out, "");
        buf_append_char(out, '\n');
    }
    const char *name = strchr(key->name, '.') + 1;
    if (key->example != NULL) {
        buf_printf(out, "  %s: %s\n", name, key->example);
        return;
    }
    buf_printf(out, "  #%s: ", name);
    if (key->sample != NULL)
        buf_append_string(out, key->sample);
    else
        put_default(key, out);
    buf_append_char(out, '\n');
}

void config_docs_example(struct buf *out)
{
    buf_append_string(
        out,
        "# Every setting of Penstock; what is commented out stands at its default.\n"
        "# Made by `penstock check-config --print-example`; explained in docs/configuration.md.\n");
    for (size_t section = 0; section < config_section_count; section++) {
        buf_printf(out, "\n# %s\n%s:\n", config_sections[section].help,
                   config_sections[section].name);
        if (strcmp(config_sections[section].name, CONFIG_KAFKA) == 0)
            buf_append_string(out, "  bootstrap.servers: 127.0.0.1:9092\n"
                                   "  #security.protocol: sasl_ssl\n"
                                   "  #sasl.mechanisms: SCRAM-SHA-512\n"
                                   "  #sasl.username: ${KAFKA_USER}\n"
                                   "  #sasl.password: file:/run/secrets/kafka-password\n");
        for (size_t i = 0; i < config_key_count; i++)
            if (config_section_of(config_keys[i].name, section))
                put_example_row(&config_keys[i], out);
    }
}
