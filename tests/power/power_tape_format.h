/* SPDX-License-Identifier: MIT
 * power_tape_format.h - a recording of file operations: one record after the other, in the order in
 * which they took place.
 *
 * A record is a head, then name, to_name (each with its NUL) and data. Objects are named by their
 * inode number; a POWER_CREATE or POWER_MKDIR gives a number a new meaning. The byte order is the
 * machine's: a tape is read where it was made. */
#ifndef PENSTOCK_TESTS_POWER_TAPE_FORMAT_H
#define PENSTOCK_TESTS_POWER_TAPE_FORMAT_H

#include <stdint.h>

#define POWER_TAPE_MAGIC 0x50575254u

enum power_kind {
    POWER_ROOT = 1,     /* object: the directory below which everything happens */
    POWER_CREATE,       /* object: a new file, as name in dir */
    POWER_MKDIR,        /* object: a new directory, as name in dir */
    POWER_RENAME,       /* name in dir to to_name in to_dir */
    POWER_REMOVE,       /* name in dir: unlink and rmdir */
    POWER_WRITE,        /* data at offset of object */
    POWER_TRUNCATE,     /* object has size bytes now */
    POWER_EXTEND,       /* fallocate: object has at least offset + size bytes now, the new ones are
                         * zeros */
    POWER_SYNC,         /* fsync or fdatasync of object, a file or a directory */
    POWER_WRITE_FAILED, /* of object; what it wrote before stands in a record of its own */
    POWER_SYNC_FAILED,  /* of object: what wasn't synced by then never will be */
    POWER_MARK,         /* data: a line of text from the program */
    POWER_KIND_COUNT
};

struct power_head {
    uint32_t magic;
    uint32_t kind;
    uint64_t object, dir, to_dir; /* inode numbers; 0: none */
    uint64_t offset, size;        /* bytes; of a write: size of data */
    uint32_t name_size, to_name_size, data_size;
    uint32_t unused;
};

#endif
