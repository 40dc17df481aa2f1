/* SPDX-License-Identifier: MIT
 * mount_table.h - the lines of /etc/fstab and /proc/self/mountinfo. Pure: text in, rows out.
 *
 * Both parsers walk a NUL-terminated text line by line and write into it: fields become strings
 * there, with their octal escapes (\040) decoded. The rows live as long as the text. */
#ifndef PENSTOCK_SPOOL_PLACE_MOUNT_TABLE_H
#define PENSTOCK_SPOOL_PLACE_MOUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* The next mount point that the system mounts at start; entries with noauto, swap and "none" are
 * passed over. False at the end. */
bool spool_mount_fstab_next(char **text, char **ret_point);

/* A mounted filesystem. */
struct spool_mount {
    int id, parent_id; /* parent_id: of the mount below it */
    const char *point;
    const char *type;    /* of the filesystem; "autofs" only announces one */
    const char *options; /* of the filesystem, with commas between them */
};

/* The next well-formed line; malformed ones are passed over. False at the end. */
bool spool_mount_info_next(char **text, struct spool_mount *ret_mount);

/* Is the word in the comma-separated list? */
bool spool_mount_has_option(const char *options, const char *word);

/* Does path lie at or below point? Both absolute, without "." and "..", and without "/" at the end
 * but for "/" itself. */
bool spool_mount_covers(const char *point, const char *path);

/* Is a filesystem mounted at point, on the way from the mount with that id down to the root? With
 * an id below 0: anywhere in the table? An autofs mount doesn't count. */
bool spool_mount_on_way(const struct spool_mount *mounts, size_t count, int id, const char *point);

#endif
