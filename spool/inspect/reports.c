/* SPDX-License-Identifier: MIT
 * reports.c - the loss reports in quarantine/. */
#include "spool/spool_inspect.h"

#include "spool/disk/dir.h"
#include "spool/disk/durable_file.h"
#include "spool/format/loss_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { REPORT_BYTES_MAX = 16 << 20 };

enum err spool_inspect_reports(int quarantine_fd, uint64_t **ret_ids, size_t *ret_count,
                               struct errmsg *msg)
{
    return spool_dir_list_ids(quarantine_fd, ret_ids, ret_count, msg);
}

enum err spool_inspect_report(int quarantine_fd, uint64_t segment_id, struct buf *text,
                              struct errmsg *msg)
{
    char name[32];
    int dir_fd = -1;
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    enum err rc = spool_dir_open(quarantine_fd, name, false, &dir_fd, msg);
    if (rc == ERR_OK) {
        rc = spool_durable_file_read(dir_fd, SPOOL_LOSS_REPORT_NAME, REPORT_BYTES_MAX, text, msg);
        close(dir_fd);
    }
    return rc;
}
