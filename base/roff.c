/* SPDX-License-Identifier: MIT
 * roff.c - text as man(7) macros. */
#include "base/roff.h"

#include <string.h>

/* ---- within a line; each put_ returns how much of the text it took --------------------------- */

/* Minus signs are escaped too, or `--help` could not be copied from a page. */
static size_t put_char(struct buf *out, const char *text)
{
    static const struct {
        const char *text, *roff;
    } special
        [] =
            {
                {"\\", "\\e"},  {"-", "\\-"},
                {"'", "\\(aq"}, {"^", "\\(ha"},
                {"~", "\\(ti"}, {"\"", "\\(dq"},
                {"\n", " "},    {"\xe2\x80\xa6", "..."}, /* not every terminal's font has it */
            };
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (strncmp(text, special[i].text, strlen(special[i].text)) == 0) {
            buf_append_string(out, special[i].roff);
            return strlen(special[i].text);
        }
    buf_append_char(out, *text);
    return 1;
}

/* [words](where) becomes its words. 0: the text begins with no link. */
static size_t put_link(struct buf *out, const char *text, const char *end)
{
    const char *words_end = memchr(text, ']', (size_t)(end - text));
    if (text[0] != '[' || words_end == NULL || words_end + 1 >= end || words_end[1] != '(')
        return 0;
    const char *close = memchr(words_end, ')', (size_t)(end - words_end));
    if (close == NULL)
        return 0;
    for (const char *p = text + 1; p < words_end;)
        p += put_char(out, p);
    return (size_t)(close - text) + 1;
}

static size_t bold_mark(const char *text, const char *end, bool markdown)
{
    if (text[0] == '`')
        return 1;
    return markdown && end - text > 1 && text[0] == '*' && text[1] == '*' ? 2 : 0;
}

static void put_words(struct buf *out, const char *text, const char *end, bool markdown)
{
    bool bold = false;
    if (text < end && text[0] == '.')
        buf_append_string(out, "\\&"); /* a dot in front would make it a command */
    while (text < end) {
        size_t taken = bold_mark(text, end, markdown);
        if (taken > 0) {
            bold = !bold;
            buf_append_string(out, bold ? "\\fB" : "\\fR");
        } else if (markdown) {
            taken = put_link(out, text, end);
        }
        text += taken > 0 ? taken : put_char(out, text);
    }
    if (bold)
        buf_append_string(out, "\\fR");
}

void roff_text(struct buf *out, const char *text)
{
    put_words(out, text, text + strlen(text), false);
    buf_append_char(out, '\n');
}

void roff_argument(struct buf *out, const char *text)
{
    buf_append_char(out, '"');
    put_words(out, text, text + strlen(text), false);
    buf_append_char(out, '"');
}

/* ---- several lines --------------------------------------------------------------------------- */

static const char *line_end(const char *text)
{
    return text + strcspn(text, "\n");
}

static const char *next_line(const char *end)
{
    return *end == '\n' ? end + 1 : end;
}

static void put_verbatim_line(struct buf *out, const char *text, const char *end)
{
    if (text < end && text[0] == '.')
        buf_append_string(out, "\\&");
    while (text < end)
        text += put_char(out, text);
    buf_append_char(out, '\n');
}

void roff_verbatim(struct buf *out, const char *text)
{
    buf_append_string(out, ".nf\n");
    for (; *text != '\0'; text = next_line(line_end(text)))
        put_verbatim_line(out, text, line_end(text));
    buf_append_string(out, ".fi\n");
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* A line outside of ``` blocks. */
static void put_markdown_line(struct buf *out, const char *text, const char *end, bool *paragraph)
{
    if (text == end) {
        *paragraph = true;
        return;
    }
    bool item = begins(text, "- ");
    if (item)
        buf_append_string(out, ".IP \\(bu 2\n");
    else if (*paragraph)
        buf_append_string(out, ".PP\n");
    *paragraph = false;
    text += item ? 2 : strspn(text, " ");
    put_words(out, text, end, true);
    buf_append_char(out, '\n');
}

void roff_markdown(struct buf *out, const char *text)
{
    bool code = false, paragraph = false;
    /* lines before the first paragraph, which is begun already */
    while (*text == '\n' || begins(text, "#") || begins(text, "<!--"))
        text = next_line(line_end(text));
    for (; *text != '\0'; text = next_line(line_end(text))) {
        const char *end = line_end(text);
        if (begins(text, "```")) {
            code = !code;
            buf_append_string(out, code ? ".PP\n.in +4n\n.nf\n" : ".fi\n.in\n");
        } else if (code) {
            put_verbatim_line(out, text, end);
        } else if (!begins(text, "#") && !begins(text, "<!--")) {
            put_markdown_line(out, text, end, &paragraph);
        }
    }
}
