/* SPDX-License-Identifier: MIT
 * http_head.c - URLs, and the heads of answers. */
#include "agent/client/http_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool digits_only(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return size > 0;
}

/* "HTTP/1.1 200 …" */
static int parse_status(const char *line, size_t size)
{
    if (size < 12 || strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ' ||
        !digits_only(line + 9, 3) || (size > 12 && line[12] != ' '))
        return -1;
    int status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    return status < 100 ? -1 : status;
}

/* The value of the header when the line is that one: *ret_value lies in the line. */
static bool header_is(struct bytes line, const char *name, struct bytes *ret_value)
{
    size_t name_size = strlen(name);
    const char *text = (const char *)line.data;
    if (line.size <= name_size || strncasecmp(text, name, name_size) != 0 || text[name_size] != ':')
        return false;
    size_t from = name_size + 1, to = line.size;
    while (from < to && (text[from] == ' ' || text[from] == '\t'))
        from++;
    while (to > from && (text[to - 1] == ' ' || text[to - 1] == '\t'))
        to--;
    *ret_value = bytes_of(line.data + from, to - from);
    return true;
}

static bool parse_header(struct bytes line, struct agent_http_head *head)
{
    struct bytes value;
    char number[20] = "";
    if (header_is(line, "content-length", &value)) {
        if (!digits_only((const char *)value.data, value.size) || value.size >= sizeof number - 1)
            return false;
        memcpy(number, value.data, value.size);
        head->content_length = strtoll(number, NULL, 10);
    } else if (header_is(line, "transfer-encoding", &value)) {
        return false; /* the agent's answers tell their length */
    } else if (header_is(line, "connection", &value)) {
        head->close = value.size == 5 && strncasecmp((const char *)value.data, "close", 5) == 0;
    }
    return true;
}

int agent_http_head_parse(struct bytes input, struct agent_http_head *ret_head)
{
    const char *text = (const char *)input.data;
    size_t size = input.size < AGENT_HTTP_HEAD_SIZE_MAX ? input.size : AGENT_HTTP_HEAD_SIZE_MAX;
    const char *end = size == 0 ? NULL : memmem(text, size, "\r\n\r\n", 4);
    if (end == NULL)
        return size == AGENT_HTTP_HEAD_SIZE_MAX ? -1 : 0;
    struct agent_http_head head = {.content_length = -1};
    for (const char *line = text; line < end + 2;) {
        const char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        size_t line_size = (size_t)(next - line);
        if (line == text && (head.status = parse_status(line, line_size)) < 0)
            return -1;
        if (line != text && !parse_header(bytes_of(line, line_size), &head))
            return -1;
        line = next + 2;
    }
    *ret_head = head;
    return (int)(end + 4 - text);
}

bool agent_http_url_parse(const char *url, char host[256], char port[8])
{
    if (strncmp(url, "http://", 7) != 0)
        return false;
    const char *from = url + 7, *end = from + strcspn(from, "/"), *colon, *to;
    if (end[0] == '/' && end[1] != '\0')
        return false; /* a path would be ignored silently */
    if (*from == '[') {
        to = memchr(from, ']', (size_t)(end - from));
        if (to == NULL)
            return false;
        from++;
        colon = to + 1;
    } else {
        to = memchr(from, ':', (size_t)(end - from));
        colon = to = to == NULL ? end : to;
    }
    size_t port_size = colon == end ? 0 : (size_t)(end - colon - 1);
    if (to == from || to - from > 255 ||
        (colon != end && (*colon != ':' || port_size > 5 || !digits_only(colon + 1, port_size))))
        return false;
    snprintf(host, 256, "%.*s", (int)(to - from), from);
    snprintf(port, 8, "%.*s", colon == end ? 2 : (int)port_size, colon == end ? "80" : colon + 1);
    return true;
}
