/* SPDX-License-Identifier: MIT
 * fuzz_log_reader.c - any bytes as the log of a segment: the reader ends, and returns only what verifies, each index once. */
#include "spool/spool_dir.h"
#include "spool/spool_reader.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENT_ID = 7, SEED = 0 }; /* the corpus is written with these */

static int parent = -1;
static char dir[] = "/tmp/penstock-fuzz-XXXXXX";

static void remove_dir(void)
{
    spool_dir_remove_tree(AT_FDCWD, dir);
}

static void put_log(const uint8_t *data, size_t size)
{
    if (parent < 0) {
        if (mkdtemp(dir) == NULL)
            abort();
        atexit(remove_dir);
        parent = open(dir, O_RDONLY | O_DIRECTORY);
        mkdirat(parent, "7", 0700);
    }
    int fd = openat(parent, "7/000003.log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    put_log(data, size);
    struct spool_reader_options options = {.parent_fd = parent, .name = "7", .segment_id = SEGMENT_ID, .seed = SEED,
                                           .count_limit = SPOOL_COUNT_UNKNOWN};
    struct spool_reader *reader;
    struct spool_chunk *chunk;
    uint64_t count = 0;
    if (spool_reader_open(&options, &reader, NULL) != ERR_OK)
        return 0;
    while (spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event); count++)
            assert(spool_id_segment(event.id) == SEGMENT_ID);
        spool_chunk_unref(chunk);
    }
    assert(spool_reader_findings(reader)->event_count == count);
    spool_reader_close(reader);
    return 0;
}
