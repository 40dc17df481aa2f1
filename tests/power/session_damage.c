/* SPDX-License-Identifier: MIT
 * session_damage.c - one flipped byte in a segment that nobody writes any more. */
#include "tests/power/session_parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOG_MAX = 8 << 20, TEXT_MAX = 32, USED_MIN = 24 << 10, BLOCK = 32 << 10, HEADER = 7 };

static int newer_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x > y ? -1 : x < y;
}

uint64_t session_segment(const char *spool_path, size_t n)
{
    char path[4096];
    uint64_t ids[1024];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/segments", spool_path);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL && count < 1024;) {
        char *end;
        uint64_t id = strtoull(entry->d_name, &end, 10);
        if (id != 0 && *end == '\0')
            ids[count++] = id;
    }
    if (dir != NULL)
        closedir(dir);
    qsort(ids, count, sizeof ids[0], newer_first);
    return n < count ? ids[n] : 0;
}

/* The first event at or behind `from` whose number stands in one piece: where its value goes on
 * behind that. */
static size_t find_event(const char *log, size_t size, size_t from, unsigned *ret_number)
{
    for (size_t at = from; at + TEXT_MAX < size; at++) {
        char text[TEXT_MAX + 1];
        int end = 0;
        memcpy(text, log + at, TEXT_MAX);
        text[TEXT_MAX] = '\0';
        if (log[at] == 'e' && sscanf(text, "event %u %n", ret_number, &end) == 1 && end > 0)
            return at + (size_t)end;
    }
    return 0;
}

/* Where the log's last record begins: what a failed write leaves stands in another segment, too,
 * and what the last commit of a segment without a seal holds is uncertain by design. */
static size_t last_record(const char *log, size_t size)
{
    size_t last = 0;
    for (size_t at = 0; at + HEADER <= size;) {
        if (BLOCK - at % BLOCK < HEADER) {
            at += BLOCK - at % BLOCK;
            continue;
        }
        unsigned length = (unsigned char)log[at + 4] | (unsigned)(unsigned char)log[at + 5] << 8,
                 type = (unsigned char)log[at + 6];
        if (type == 0)
            break;
        if (type <= 2) /* FULL or FIRST */
            last = at;
        at += HEADER + length;
    }
    return last;
}

bool session_damage(const char *spool_path, uint64_t segment_id, bool sync)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/segments/%" PRIu64 "/000003.log", spool_path, segment_id);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char *log = malloc(LOG_MAX);
    ssize_t size = fd < 0 || log == NULL ? -1 : pread(fd, log, LOG_MAX, 0);
    size_t used = 0;
    for (ssize_t i = 0; i < size; i++)
        if (log[i] != 0)
            used = (size_t)i; /* behind it is room made ahead */
    unsigned number = 0;
    size_t at = used < USED_MIN ? 0 : find_event(log, last_record(log, used), used / 4, &number);
    bool found = at > 0;
    if (found) {
        char flipped = (char)(log[at] ^ 0x10);
        session_mark("damage %u", number);
        found = pwrite(fd, &flipped, 1, (off_t)at) == 1 && (!sync || fsync(fd) == 0);
    }
    free(log);
    if (fd >= 0)
        close(fd);
    return found;
}
