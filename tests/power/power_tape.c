/* SPDX-License-Identifier: MIT
 * power_tape.c - reads a recording. */
#include "tests/power/power_tape.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const kind_names[POWER_KIND_COUNT] = {
    [POWER_ROOT] = "root",
    [POWER_CREATE] = "create",
    [POWER_MKDIR] = "mkdir",
    [POWER_RENAME] = "rename",
    [POWER_REMOVE] = "remove",
    [POWER_WRITE] = "write",
    [POWER_TRUNCATE] = "truncate",
    [POWER_EXTEND] = "fallocate",
    [POWER_SYNC] = "sync",
    [POWER_WRITE_FAILED] = "failed write",
    [POWER_SYNC_FAILED] = "failed sync",
    [POWER_MARK] = "mark",
};

const char *power_kind_name(enum power_kind kind)
{
    return kind < POWER_KIND_COUNT && kind_names[kind] != NULL ? kind_names[kind] : "?";
}

static enum err read_file(const char *path, struct buf *ret, struct errmsg *msg)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return errmsg_set(msg, ERR_IO, "open '%s': %s", path, strerror(errno));
    while (buf_reserve(ret, 1 << 20)) {
        size_t n = fread(ret->data + ret->size, 1, 1 << 20, in);
        ret->size += n;
        if (n == 0)
            break;
    }
    bool failed = ferror(in) || ret->failed;
    fclose(in);
    return failed ? errmsg_set(msg, ERR_IO, "read '%s'", path) : ERR_OK;
}

/* Takes one record off; false when it isn't whole. */
static bool take_record(const uint8_t *bytes, size_t size, size_t *at, struct power_op *ret)
{
    struct power_head head;
    if (size - *at < sizeof head)
        return false;
    memcpy(&head, bytes + *at, sizeof head);
    const uint8_t *p = bytes + *at + sizeof head;
    uint64_t rest = (uint64_t)head.name_size + head.to_name_size + head.data_size;
    if (head.magic != POWER_TAPE_MAGIC || head.kind == 0 || head.kind >= POWER_KIND_COUNT ||
        size - *at - sizeof head < rest)
        return false;
    *ret = (struct power_op){.kind = (enum power_kind)head.kind,
                             .object = head.object,
                             .dir = head.dir,
                             .to_dir = head.to_dir,
                             .offset = head.offset,
                             .size = head.size};
    ret->name = head.name_size == 0 ? NULL : (const char *)p;
    ret->to_name = head.to_name_size == 0 ? NULL : (const char *)p + head.name_size;
    ret->data = p + head.name_size + head.to_name_size;
    *at += sizeof head + rest;
    return true;
}

enum err power_tape_read(const char *path, struct power_tape *ret_tape, struct errmsg *msg)
{
    struct buf content = {0};
    enum err rc = read_file(path, &content, msg);
    struct power_tape tape = {.bytes = content.data};
    size_t at = 0, capacity = content.size / sizeof(struct power_head) + 1;
    if (rc == ERR_OK && (tape.ops = malloc(capacity * sizeof *tape.ops)) == NULL)
        rc = errmsg_set(msg, ERR_NOMEM, "out of memory");
    while (rc == ERR_OK && at < content.size)
        if (!take_record(content.data, content.size, &at, &tape.ops[tape.count++]))
            rc = errmsg_set(msg, ERR_DAMAGED, "'%s' is no whole recording: record %zu", path,
                            tape.count - 1);
    if (rc == ERR_OK && (tape.count == 0 || tape.ops[0].kind != POWER_ROOT))
        rc = errmsg_set(msg, ERR_DAMAGED, "'%s' doesn't begin with its root", path);
    if (rc != ERR_OK) {
        power_tape_free(&tape);
        return rc;
    }
    *ret_tape = tape;
    return ERR_OK;
}

void power_tape_free(struct power_tape *tape)
{
    free(tape->bytes);
    free(tape->ops);
    *tape = (struct power_tape){0};
}
