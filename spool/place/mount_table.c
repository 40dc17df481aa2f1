/* SPDX-License-Identifier: MIT
 * mount_table.c - the lines of /etc/fstab and /proc/self/mountinfo. */
#include "spool/place/mount_table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Decodes \040 and the like to the byte they stand for; the field only gets shorter. */
static void decode(char *field)
{
    char *out = field;
    for (const char *in = field; *in != '\0';) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && is_octal(in[2]) && is_octal(in[3])) {
            char c = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
            if (c != '\0') { /* no path holds a NUL: leave the escape as it is */
                *out++ = c;
                in += 4;
                continue;
            }
        }
        *out++ = *in++;
    }
    *out = '\0';
}

static char *take_line(char **text)
{
    char *line = *text;
    if (*line == '\0')
        return NULL;
    char *end = strchr(line, '\n');
    *text = end == NULL ? line + strlen(line) : end + 1;
    if (end != NULL)
        *end = '\0';
    return line;
}

/* The next field of a line; NULL at its end. */
static char *take_field(char **line)
{
    char *field = *line + strspn(*line, " \t\r");
    if (*field == '\0')
        return NULL;
    char *end = field + strcspn(field, " \t\r");
    *line = *end == '\0' ? end : end + 1;
    *end = '\0';
    return field;
}

bool spool_mount_has_option(const char *options, const char *word)
{
    size_t size = strlen(word);
    for (const char *p = options; *p != '\0';) {
        size_t item = strcspn(p, ",");
        if (item == size && memcmp(p, word, size) == 0)
            return true;
        p += item + (p[item] == ',');
    }
    return false;
}

bool spool_mount_fstab_next(char **text, char **ret_point)
{
    for (char *line; (line = take_line(text)) != NULL;) {
        char *device = take_field(&line), *point = take_field(&line), *type = take_field(&line);
        char *options = take_field(&line);
        if (device == NULL || device[0] == '#' || type == NULL || strcmp(type, "swap") == 0)
            continue;
        if (options != NULL && spool_mount_has_option(options, "noauto"))
            continue;
        decode(point);
        if (point[0] != '/') /* no mount point, such as "none" or "swap" */
            continue;
        *ret_point = point;
        return true;
    }
    return false;
}

static bool parse_id(const char *field, int *ret_id)
{
    char *end;
    errno = 0;
    long id = field == NULL ? -1 : strtol(field, &end, 10);
    if (id < 0 || id > INT_MAX || *end != '\0' || end == field || errno != 0)
        return false;
    *ret_id = (int)id;
    return true;
}

/* Parses a line such as (proc(5)):
 *   36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
static bool parse_info(char *line, struct spool_mount *ret_mount)
{
    struct spool_mount mount = {0};
    if (!parse_id(take_field(&line), &mount.id) || !parse_id(take_field(&line), &mount.parent_id))
        return false;
    (void)take_field(&line); /* device number */
    (void)take_field(&line); /* root of the mount within the filesystem */
    char *point = take_field(&line);
    char *field = take_field(&line); /* the mount's own options, then optional fields up to a
                                      * dash */
    while (field != NULL && strcmp(field, "-") != 0)
        field = take_field(&line);
    mount.type = take_field(&line);
    (void)take_field(&line); /* the device; may be empty, then it is "none" */
    mount.options = take_field(&line);
    if (mount.type == NULL || point[0] != '/')
        return false;
    if (mount.options == NULL)
        mount.options = mount.type + strlen(mount.type);
    decode(point);
    mount.point = point;
    *ret_mount = mount;
    return true;
}

bool spool_mount_info_next(char **text, struct spool_mount *ret_mount)
{
    for (char *line; (line = take_line(text)) != NULL;)
        if (parse_info(line, ret_mount))
            return true;
    return false;
}

bool spool_mount_covers(const char *point, const char *path)
{
    size_t size = strlen(point);
    if (strcmp(point, "/") == 0)
        return true;
    return strncmp(point, path, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static bool is_at(const struct spool_mount *mount, const char *point)
{
    return strcmp(mount->point, point) == 0 && strcmp(mount->type, "autofs") != 0;
}

static const struct spool_mount *find(const struct spool_mount *mounts, size_t count, int id)
{
    for (size_t i = 0; i < count; i++)
        if (mounts[i].id == id)
            return &mounts[i];
    return NULL;
}

bool spool_mount_on_way(const struct spool_mount *mounts, size_t count, int id, const char *point)
{
    for (size_t i = 0; id < 0 && i < count; i++)
        if (is_at(&mounts[i], point))
            return true;
    const struct spool_mount *mount = find(mounts, count, id);
    /* at most `count` steps, in case the table has a loop */
    for (size_t steps = 0; mount != NULL && steps <= count; steps++) {
        if (is_at(mount, point))
            return true;
        mount = find(mounts, count, mount->parent_id);
    }
    return false;
}
