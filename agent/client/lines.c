/* SPDX-License-Identifier: MIT
 * lines.c - kcat's rules for lines. */
#include "agent/client/lines.h"

uint8_t *agent_lines_room(struct agent_lines *lines, size_t size)
{
    struct buf *input = &lines->input;
    if (lines->used > 0) {
        memmove(input->data, input->data + lines->used, input->size - lines->used);
        input->size -= lines->used;
        lines->searched -= lines->used;
        lines->used = 0;
    }
    return buf_reserve(input, size) ? input->data + input->size : NULL;
}

void agent_lines_filled(struct agent_lines *lines, size_t size)
{
    lines->input.size += size;
}

/* Hands out the bytes up to `end`, and leaves out `delimiter` bytes after them. */
static enum agent_lines_found take(struct agent_lines *lines, size_t end, size_t delimiter,
                                   struct bytes *ret_line)
{
    struct bytes line = bytes_of(lines->input.data + lines->used, end - lines->used);
    lines->used = lines->searched = end + delimiter;
    if (lines->skipping) { /* the line was announced when it became too long */
        lines->skipping = false;
        return AGENT_LINES_NONE;
    }
    lines->number++;
    if (line.size > lines->line_bytes_max)
        return AGENT_LINES_TOO_LONG;
    *ret_line = line;
    return AGENT_LINES_LINE;
}

/* Drops a line that is too long already, and its rest when that comes. */
static enum agent_lines_found skip(struct agent_lines *lines)
{
    bool first = !lines->skipping;
    lines->used = lines->searched = lines->input.size;
    lines->skipping = true;
    if (!first)
        return AGENT_LINES_NONE;
    lines->number++;
    return AGENT_LINES_TOO_LONG;
}

enum agent_lines_found agent_lines_next(struct agent_lines *lines, bool at_end,
                                        struct bytes *ret_line)
{
    const struct buf *input = &lines->input;
    while (lines->used < input->size) {
        const uint8_t *from = input->data + lines->searched;
        const uint8_t *newline = memchr(from, '\n', input->size - lines->searched);
        if (newline != NULL) {
            bool rest = lines->skipping;
            enum agent_lines_found found =
                take(lines, (size_t)(newline - input->data), 1, ret_line);
            if (rest)
                continue;
            return found;
        }
        lines->searched = input->size;
        if (at_end)
            return take(lines, input->size, 0, ret_line);
        if (lines->skipping || input->size - lines->used > lines->line_bytes_max)
            return skip(lines);
        break;
    }
    return AGENT_LINES_NONE;
}

void agent_lines_done(struct agent_lines *lines)
{
    buf_free(&lines->input);
}

bool agent_line_split(struct bytes line, const char *delimiter, bool empty_is_null,
                      struct agent_line *ret_line)
{
    if (line.size == 0)
        return false;
    struct agent_line split = {BYTES_NULL, line};
    size_t size = delimiter == NULL ? 0 : strlen(delimiter);
    const uint8_t *at = size == 0 ? NULL : memmem(line.data, line.size, delimiter, size);
    if (at != NULL) {
        split.key = bytes_of(line.data, (size_t)(at - line.data));
        split.value = bytes_of(at + size, line.size - split.key.size - size);
        if (empty_is_null && split.key.size == 0)
            split.key = BYTES_NULL;
        if (empty_is_null && split.value.size == 0)
            split.value = BYTES_NULL;
    }
    *ret_line = split;
    return true;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    return at == NULL ? -1 : (int)(at - digits);
}

bool agent_line_unescape(const char *text, char *out)
{
    static const char names[] = "tnr\\", bytes[] = "\t\n\r\\";
    char *p = out;
    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            *p++ = *text;
            continue;
        }
        text++;
        const char *name = *text == '\0' ? NULL : strchr(names, *text);
        if (name != NULL) {
            *p++ = bytes[name - names];
            continue;
        }
        int high = *text == 'x' ? hex_digit(text[1]) : -1, low = high < 0 ? -1 : hex_digit(text[2]);
        if (low < 0 || high * 16 + low == 0)
            return false;
        *p++ = (char)(high * 16 + low);
        text += 2;
    }
    *p = '\0';
    return p > out;
}
