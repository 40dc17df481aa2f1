/* SPDX-License-Identifier: MIT
 * identity_file.c - PENSTOCK as five lines of text with a checksum; LOCK by flock. */
#include "spool/place/identity_file.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"
#include "spool/disk/dir.h"
#include "spool/disk/durable_file.h"
#include "spool/format/records.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#define IDENTITY_NAME     "PENSTOCK"
#define IDENTITY_SIZE_MAX 4096
#define LOCK_NAME         "LOCK"

/* Takes "<key>: <value>\n" off the text; NULL when it isn't there. */
static char *take_line(char **text, const char *key)
{
    size_t size = strlen(key);
    char *line = *text, *end = strchr(line, '\n');
    if (end == NULL || strncmp(line, key, size) != 0 || strncmp(line + size, ": ", 2) != 0)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return line + size + 2;
}

static enum err parse(char *text, struct spool_identity *ret_identity, struct errmsg *msg)
{
    struct spool_identity identity = {0};
    char *check_line = strstr(text, "check: ");
    uint64_t sum = check_line == NULL ? 0 : XXH3_64bits(text, (size_t)(check_line - text));
    char *version = take_line(&text, "penstock-spool");
    if (version != NULL && strtol(version, NULL, 10) > SPOOL_FORMAT_VERSION)
        return errmsg_set(msg, ERR_VERSION,
                          IDENTITY_NAME " says format %s, this Penstock knows %d: use a newer one",
                          version, SPOOL_FORMAT_VERSION);
    char *id = version == NULL ? NULL : take_line(&text, "id");
    char *seed = id == NULL ? NULL : take_line(&text, "seed");
    char *created = seed == NULL ? NULL : take_line(&text, "created-ms");
    char *check = created == NULL ? NULL : take_line(&text, "check");
    if (check == NULL || strtoull(check, NULL, 16) != sum || uuid_parse(id, identity.uuid) != 0)
        return errmsg_set(msg, ERR_DAMAGED, IDENTITY_NAME " is damaged");
    identity.version = (uint16_t)strtol(version, NULL, 10);
    identity.seed = strtoull(seed, NULL, 16);
    identity.created_ms = strtoll(created, NULL, 10);
    *ret_identity = identity;
    return ERR_OK;
}

enum err spool_identity_read(int root_fd, struct spool_identity *ret_identity, struct errmsg *msg)
{
    struct buf content = {0};
    enum err rc = spool_durable_file_read(root_fd, IDENTITY_NAME, IDENTITY_SIZE_MAX, &content, msg);
    if (rc == ERR_TOO_LARGE || rc == ERR_INVALID)
        rc = errmsg_set(msg, ERR_DAMAGED, IDENTITY_NAME " is damaged: %s", err_text(rc));
    if (rc == ERR_OK) {
        char text[IDENTITY_SIZE_MAX + 1];
        snprintf(text, sizeof text, "%s", buf_string(&content));
        rc = parse(text, ret_identity, msg);
    }
    buf_free(&content);
    return rc;
}

enum err spool_identity_write(int root_fd, const struct spool_identity *identity,
                              struct errmsg *msg)
{
    char uuid[UUID_TEXT_SIZE];
    uuid_format(identity->uuid, uuid);
    struct buf text = {0};
    buf_printf(&text, "penstock-spool: %d\nid: %s\nseed: %016" PRIx64 "\ncreated-ms: %" PRId64 "\n",
               identity->version, uuid, identity->seed, identity->created_ms);
    buf_printf(&text, "check: %016" PRIx64 "\n", (uint64_t)XXH3_64bits(text.data, text.size));
    enum err rc = text.failed
                      ? errmsg_set(msg, ERR_NOMEM, "out of memory")
                      : spool_durable_file_replace(root_fd, IDENTITY_NAME, buf_bytes(&text), msg);
    buf_free(&text);
    return rc == ERR_FULL ? ERR_IO : rc;
}

enum err spool_identity_create(int root_fd, struct spool_identity *ret_identity, struct errmsg *msg)
{
    if (faccessat(root_fd, IDENTITY_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return errmsg_set(msg, ERR_INVALID, "there is a spool already");
    struct spool_identity identity = {
        .version = SPOOL_FORMAT_VERSION, .seed = random_u64(), .created_ms = clock_wall_ms()};
    random_uuid_v4(identity.uuid);
    enum err rc = spool_identity_write(root_fd, &identity, msg);
    if (rc == ERR_OK)
        *ret_identity = identity;
    return rc;
}

enum err spool_lock(int root_fd, int *ret_fd, struct errmsg *msg)
{
    int fd = openat(root_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "open " LOCK_NAME ": %s", strerror(errno));
    char pid[32] = "";
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        close(fd);
        if (error != EWOULDBLOCK)
            return errmsg_set(msg, ERR_IO, "lock " LOCK_NAME ": %s", strerror(error));
        return errmsg_set(msg, ERR_LOCKED, "in use by process %s", pid[0] == '\0' ? "?" : pid);
    }
    int size = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)size, 0) != size) {
        /* The pid is only for people; the lock holds without it, also on a full disk. */
    }
    *ret_fd = fd;
    return ERR_OK;
}
