/* SPDX-License-Identifier: MIT
 * mount.c - the system's tables of mounts against what the spool needs. */
#include "spool/place/mount.h"

#include "base/buf.h"
#include "spool/place/mount_table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { TABLE_BYTES_MAX = 16 << 20, LINKS_MAX = 40 };

const struct spool_mount_files spool_mount_system = {"/etc/fstab", "/proc/self/mountinfo"};

/* ---- reading the tables ---------------------------------------------------------------------- */

/* Reads a file; follows links (NixOS has one at /etc/fstab); files below /proc have no size to ask
 * for. */
static enum err read_text(const char *path, struct buf *ret_text, struct errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errmsg_set(msg, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNREADABLE, "open '%s': %s",
                          path, strerror(errno));
    struct buf text = {0};
    ssize_t n = 1;
    while (n != 0 && text.size < TABLE_BYTES_MAX && buf_reserve(&text, 64 << 10)) {
        n = read(fd, text.data + text.size, text.capacity - text.size);
        if (n < 0 && errno != EINTR)
            break;
        text.size += n > 0 ? (size_t)n : 0;
    }
    int error = errno;
    close(fd);
    if (n == 0 && buf_append_char(&text, '\0')) {
        *ret_text = text;
        return ERR_OK;
    }
    buf_free(&text);
    return n < 0 ? errmsg_set(msg, ERR_UNREADABLE, "read '%s': %s", path, strerror(error))
                 : errmsg_set(msg, ERR_NOMEM, "read '%s': out of memory", path);
}

struct table {
    struct buf text;
    struct spool_mount *mounts;
    size_t count;
};

static void table_done(struct table *table)
{
    buf_free(&table->text);
    free(table->mounts);
}

static enum err table_read(const char *path, struct table *table, struct errmsg *msg)
{
    *table = (struct table){0};
    enum err rc = read_text(path, &table->text, msg);
    if (rc != ERR_OK)
        return rc == ERR_NOT_FOUND ? ERR_UNREADABLE : rc;
    char *text = (char *)table->text.data;
    size_t capacity = 0;
    for (struct spool_mount mount; spool_mount_info_next(&text, &mount);) {
        if (table->count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            struct spool_mount *more = realloc(table->mounts, capacity * sizeof *more);
            if (more == NULL) {
                table_done(table);
                return errmsg_set(msg, ERR_NOMEM, "read '%s': out of memory", path);
            }
            table->mounts = more;
        }
        table->mounts[table->count++] = mount;
    }
    return ERR_OK;
}

/* The id of the mount that a descriptor was opened through; -1 where the kernel doesn't tell. */
static int mount_id_of(int fd)
{
    char path[64], line[128];
    int id = -1;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL && id < 0)
        if (strncmp(line, "mnt_id:", 7) == 0)
            id = (int)strtol(line + 7, NULL, 10);
    if (file != NULL)
        fclose(file);
    return id;
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* Cuts the last component off an absolute path without a "/" at its end; "" stands for the root
 * here. */
static void cut_last(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* Puts a link's target in front of the rest of the path. */
static bool follow(char *out, char *rest, size_t rest_size, const char *target)
{
    char joined[2 * PATH_MAX];
    int n = snprintf(joined, sizeof joined, "%s/%s", target, rest);
    if (n < 0 || (size_t)n >= sizeof joined || (size_t)n >= rest_size)
        return false;
    memcpy(rest, joined, (size_t)n + 1);
    if (target[0] == '/')
        out[0] = '\0';
    else
        cut_last(out);
    return true;
}

/* Adds one component of the path to out, which has room for PATH_MAX. */
static bool walk(char *out, const char *name, char *rest, size_t rest_size, int *links)
{
    char target[PATH_MAX];
    if (strcmp(name, ".") == 0 || name[0] == '\0')
        return true;
    if (strcmp(name, "..") == 0) {
        cut_last(out);
        return true;
    }
    size_t size = strlen(out);
    int n = snprintf(out + size, PATH_MAX - size, "/%s", name);
    if (n < 0 || size + (size_t)n >= PATH_MAX)
        return false;
    ssize_t target_size = readlink(out, target, sizeof target - 1);
    if (target_size < 0) /* no link, or not there */
        return true;
    target[target_size] = '\0';
    return ++*links <= LINKS_MAX && follow(out, rest, rest_size, target);
}

enum err spool_mount_resolve(const char *path, char *out, size_t size, struct errmsg *msg)
{
    char done[PATH_MAX] = "", rest[PATH_MAX], name[NAME_MAX + 1];
    int links = 0;
    if (path[0] != '/' && getcwd(done, sizeof done) == NULL)
        return errmsg_set(msg, ERR_IO, "the working directory: %s", strerror(errno));
    if (strcmp(done, "/") == 0)
        done[0] = '\0';
    bool ok = snprintf(rest, sizeof rest, "%s", path) < (int)sizeof rest;
    while (ok && rest[0] != '\0') {
        size_t name_size = strcspn(rest, "/");
        ok = name_size < sizeof name;
        if (!ok)
            break;
        memcpy(name, rest, name_size);
        name[name_size] = '\0';
        size_t skip = name_size + (rest[name_size] == '/');
        memmove(rest, rest + skip, strlen(rest + skip) + 1);
        ok = walk(done, name, rest, sizeof rest, &links);
    }
    const char *text = done[0] == '\0' ? "/" : done;
    if (!ok || strlen(text) >= size)
        return errmsg_set(msg, ERR_INVALID, "'%s' is too long or goes through too many links",
                          path);
    memcpy(out, text, strlen(text) + 1);
    return ERR_OK;
}

/* ---- the check ------------------------------------------------------------------------------- */

struct check {
    const struct table *table;
    int mount_id;
    char path[PATH_MAX]; /* of the spool, resolved */
};

/* "/" is always mounted, also in a chroot where the table doesn't show it. */
static bool is_mounted(const struct check *check, const char *point)
{
    return strcmp(point, "/") == 0 ||
           spool_mount_on_way(check->table->mounts, check->table->count, check->mount_id, point);
}

static enum err check_fstab(const struct check *check, const char *fstab, struct errmsg *msg)
{
    struct buf text = {0};
    char point[PATH_MAX], *named;
    enum err rc = read_text(fstab, &text, msg);
    if (rc != ERR_OK)
        return rc == ERR_NOT_FOUND ? ERR_OK : rc;
    char *at = (char *)text.data;
    while (rc == ERR_OK && spool_mount_fstab_next(&at, &named)) {
        if (spool_mount_resolve(named, point, sizeof point, NULL) != ERR_OK)
            continue; /* the system can't use this mount point either */
        if (spool_mount_covers(point, check->path) && !is_mounted(check, point))
            rc =
                errmsg_set(msg, ERR_UNAVAILABLE, "'%s' is not mounted (%s names it)", named, fstab);
    }
    buf_free(&text);
    return rc;
}

static enum err check_point(const struct check *check, const char *require, struct errmsg *msg)
{
    char point[PATH_MAX];
    enum err rc = spool_mount_resolve(require, point, sizeof point, msg);
    if (rc != ERR_OK)
        return rc;
    if (!spool_mount_covers(point, check->path))
        return errmsg_set(msg, ERR_INVALID, "'%s' (spool.require_mount) is not at or above '%s'",
                          require, check->path);
    return is_mounted(check, point)
               ? ERR_OK
               : errmsg_set(msg, ERR_UNAVAILABLE, "'%s' is not mounted (spool.require_mount)",
                            require);
}

enum err spool_mount_check(const struct spool_mount_files *files, int dir_fd, const char *path,
                           const char *require, struct errmsg *msg)
{
    if (require == NULL || strcmp(require, SPOOL_MOUNT_OFF) == 0)
        return ERR_OK;
    struct table table;
    struct check check = {.table = &table, .mount_id = mount_id_of(dir_fd)};
    enum err rc = spool_mount_resolve(path, check.path, sizeof check.path, msg);
    if (rc == ERR_OK)
        rc = table_read(files->mountinfo, &table, msg);
    if (rc != ERR_OK)
        return rc;
    rc = strcmp(require, SPOOL_MOUNT_AUTO) == 0 ? check_fstab(&check, files->fstab, msg)
                                                : check_point(&check, require, msg);
    table_done(&table);
    return rc;
}

/* ---- filesystems that forget ----------------------------------------------------------------- */

static bool has_volatile_overlay(const struct spool_mount_files *files, int dir_fd)
{
    struct table table;
    bool found = false;
    int id = mount_id_of(dir_fd);
    if (table_read(files->mountinfo, &table, NULL) != ERR_OK)
        return false;
    for (size_t i = 0; i < table.count; i++)
        if (table.mounts[i].id == id) /* newer kernels spell the option in another way */
            found = spool_mount_has_option(table.mounts[i].options, "volatile") ||
                    spool_mount_has_option(table.mounts[i].options, "fsync=volatile");
    table_done(&table);
    return found;
}

bool spool_mount_is_volatile(const struct spool_mount_files *files, int dir_fd, char *why,
                             size_t why_size)
{
    static const struct {
        long magic;
        const char *name, *fate;
    } rows[] = {
        {TMPFS_MAGIC, "tmpfs", "nothing in it outlives a restart of the machine"},
        {RAMFS_MAGIC, "ramfs", "nothing in it outlives a restart of the machine"},
        {OVERLAYFS_SUPER_MAGIC, "overlayfs",
         "a container's own layer goes away with the container: use a volume"},
    };
    struct statfs status;
    if (fstatfs(dir_fd, &status) != 0)
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if ((long)status.f_type != rows[i].magic)
            continue;
        bool unsynced =
            rows[i].magic == OVERLAYFS_SUPER_MAGIC && has_volatile_overlay(files, dir_fd);
        snprintf(why, why_size, "the spool is on %s: %s",
                 unsynced ? "a volatile overlayfs" : rows[i].name,
                 unsynced ? "syncs do nothing there, a crash loses accepted events" : rows[i].fate);
        return true;
    }
    return false;
}
