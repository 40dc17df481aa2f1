/* SPDX-License-Identifier: MIT
 * sim_disk_file.h - a file's content: as programs see it, as the disk holds it, and the writes in
 * between. */
#ifndef PENSTOCK_TESTS_SIM_DISK_FILE_H
#define PENSTOCK_TESTS_SIM_DISK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_image {
    uint8_t *data;
    uint64_t size, capacity;
};

/* A write, or with data NULL a change of size to `offset`, that no sync has covered. */
struct sim_write {
    uint64_t offset, size;
    uint8_t *data;
    bool lost; /* a sync failed: its bytes never get to the disk, only its size */
};

struct sim_content {
    struct sim_image now, durable;
    struct sim_write *pending;
    size_t count, capacity;
};

void sim_content_free(struct sim_content *content);
void sim_content_write(struct sim_content *content, const void *data, uint64_t size,
                       uint64_t offset);
void sim_content_resize(struct sim_content *content, uint64_t size);
uint64_t sim_content_read(const struct sim_content *content, void *data, uint64_t size,
                          uint64_t offset);

void sim_content_sync(struct sim_content *content);
/* A sync that fails: the seed draws which writes never reach the disk, whatever a later sync
 * says. */
void sim_content_fail_sync(struct sim_content *content);
/* A power cut: the seed draws what of the pending writes is left. */
void sim_content_cut(struct sim_content *content);
/* Durable and seen, both: what `from` shows now. */
void sim_content_copy(struct sim_content *content, const struct sim_content *from);
/* Flips a bit wherever the byte is. */
bool sim_content_rot(struct sim_content *content, uint64_t offset);

#endif
