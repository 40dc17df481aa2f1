/* SPDX-License-Identifier: MIT
 * fuzz_http_head.c - any bytes as the head of an HTTP answer, and as a URL. */
#include "agent/client/http_head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct agent_http_head head;
    int head_size = agent_http_head_parse(bytes_of(data, size), &head);
    if (head_size > 0 && ((size_t)head_size > size || head.status < 100 || head.status > 999 ||
                          head.content_length < -1))
        abort();
    char *url = malloc(size + 1), host[256], port[8];
    if (url == NULL)
        return 0;
    if (size > 0)
        memcpy(url, data, size);
    url[size] = '\0';
    if (agent_http_url_parse(url, host, port) && (host[0] == '\0' || strlen(port) > 5))
        abort();
    free(url);
    return 0;
}
