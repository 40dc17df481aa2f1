/* SPDX-License-Identifier: MIT
 * sim_disk_file.c - writes, syncs, and what a power cut leaves of a file. */
#include "tests/sim/sim_disk_file.h"

#include "tests/sim/sim_sched.h"

#include <stdlib.h>
#include <string.h>

enum {
    PENDING_MAX = 512, /* the kernel writes older ones back by itself */
    PAGE = 4096,
    SECTOR = 512,
};

/* ---- images ---------------------------------------------------------------------------------- */

static void resize(struct sim_image *image, uint64_t size)
{
    if (size > image->capacity) {
        uint64_t capacity = image->capacity * 2 > size ? image->capacity * 2 : size;
        capacity = capacity < 512 ? 512 : capacity;
        image->data = realloc(image->data, capacity);
        if (image->data == NULL)
            abort();
        image->capacity = capacity;
    }
    if (size > image->size)
        memset(image->data + image->size, 0, size - image->size);
    image->size = size;
}

static void put(struct sim_image *image, const void *data, uint64_t size, uint64_t offset)
{
    if (offset + size > image->size)
        resize(image, offset + size);
    if (data != NULL && size > 0)
        memcpy(image->data + offset, data, size);
}

static void copy(struct sim_image *image, const struct sim_image *from)
{
    image->size = 0;
    resize(image, from->size);
    if (from->size > 0)
        memcpy(image->data, from->data, from->size);
}

/* ---- writes ---------------------------------------------------------------------------------- */

static void apply(struct sim_image *image, const struct sim_write *write)
{
    if (write->data == NULL)
        resize(image, write->offset);
    else
        put(image, write->lost ? NULL : write->data, write->size, write->offset);
}

static void drop_pending(struct sim_content *content)
{
    for (size_t i = 0; i < content->count; i++)
        free(content->pending[i].data);
    content->count = 0;
}

void sim_content_free(struct sim_content *content)
{
    drop_pending(content);
    free(content->pending);
    free(content->now.data);
    free(content->durable.data);
    *content = (struct sim_content){0};
}

static void add_pending(struct sim_content *content, struct sim_write write)
{
    if (content->count == PENDING_MAX) {
        for (size_t i = 0; i < PENDING_MAX / 2; i++) {
            apply(&content->durable, &content->pending[i]);
            free(content->pending[i].data);
        }
        content->count -= PENDING_MAX / 2;
        memmove(content->pending, content->pending + PENDING_MAX / 2,
                content->count * sizeof content->pending[0]);
    }
    if (content->count == content->capacity) {
        content->capacity = content->capacity == 0 ? 8 : content->capacity * 2;
        content->pending =
            realloc(content->pending, content->capacity * sizeof content->pending[0]);
        if (content->pending == NULL)
            abort();
    }
    content->pending[content->count++] = write;
}

void sim_content_write(struct sim_content *content, const void *data, uint64_t size,
                       uint64_t offset)
{
    if (size == 0)
        return;
    uint8_t *own = malloc(size);
    if (own == NULL)
        abort();
    memcpy(own, data, size);
    put(&content->now, data, size, offset);
    add_pending(content, (struct sim_write){.offset = offset, .size = size, .data = own});
}

void sim_content_resize(struct sim_content *content, uint64_t size)
{
    if (size == content->now.size)
        return;
    resize(&content->now, size);
    add_pending(content, (struct sim_write){.offset = size});
}

uint64_t sim_content_read(const struct sim_content *content, void *data, uint64_t size,
                          uint64_t offset)
{
    uint64_t left = offset < content->now.size ? content->now.size - offset : 0;
    size = size < left ? size : left;
    if (size > 0)
        memcpy(data, content->now.data + offset, size);
    return size;
}

/* ---- syncs ----------------------------------------------------------------------------------- */

void sim_content_sync(struct sim_content *content)
{
    for (size_t i = 0; i < content->count; i++)
        apply(&content->durable, &content->pending[i]);
    drop_pending(content);
}

void sim_content_fail_sync(struct sim_content *content)
{
    for (size_t i = 0; i < content->count; i++)
        if (sim_chance(500))
            content->pending[i].lost = true;
}

/* ---- power cuts ------------------------------------------------------------------------------ */

/* The first writes, and of the next one a beginning. */
static void keep_beginning(struct sim_content *content)
{
    size_t whole = (size_t)sim_random(content->count);
    for (size_t i = 0; i < whole; i++)
        apply(&content->durable, &content->pending[i]);
    struct sim_write *torn = &content->pending[whole];
    if (torn->data == NULL)
        return;
    uint64_t size = sim_random(torn->size + 1);
    if (sim_chance(500)) /* up to the end of a sector of the file */
        size = (torn->offset + size) / SECTOR * SECTOR > torn->offset
                   ? (torn->offset + size) / SECTOR * SECTOR - torn->offset
                   : 0;
    put(&content->durable, torn->lost ? NULL : torn->data, size, torn->offset);
}

/* The bytes from begin to end of the file as they were after `count` writes. */
static void keep_piece(struct sim_content *content, size_t count, uint64_t begin, uint64_t end)
{
    for (size_t i = 0; i < count; i++) {
        const struct sim_write *write = &content->pending[i];
        if (write->data == NULL || write->lost)
            continue;
        uint64_t from = write->offset > begin ? write->offset : begin;
        uint64_t to = write->offset + write->size < end ? write->offset + write->size : end;
        if (from < to)
            memcpy(content->durable.data + from, write->data + (from - write->offset), to - from);
    }
}

/* The size as after some of the writes; each page, or sector, as after some others. */
static void keep_pieces(struct sim_content *content, bool zeros)
{
    size_t sized = sim_chance(500) ? content->count : (size_t)sim_random(content->count + 1);
    for (size_t i = 0; i < sized; i++) {
        const struct sim_write *write = &content->pending[i];
        if (write->data == NULL)
            resize(&content->durable, write->offset);
        else
            put(&content->durable, NULL, write->size, write->offset);
    }
    uint64_t unit = sim_chance(500) ? PAGE : SECTOR;
    for (uint64_t at = 0; at < content->durable.size && !zeros; at += unit) {
        uint64_t end = at + unit < content->durable.size ? at + unit : content->durable.size;
        keep_piece(content, (size_t)sim_random(content->count + 1), at, end);
    }
}

void sim_content_cut(struct sim_content *content)
{
    if (content->count > 0) {
        switch (sim_random(6)) {
        case 0: /* nothing */ break;
        case 1: /* everything */ sim_content_sync(content); break;
        case 2:
        case 3: keep_beginning(content); break;
        case 4: keep_pieces(content, true); break;
        default: keep_pieces(content, false); break;
        }
        drop_pending(content);
    }
    copy(&content->now, &content->durable);
}

/* ---- operators and damage -------------------------------------------------------------------- */

void sim_content_copy(struct sim_content *content, const struct sim_content *from)
{
    drop_pending(content);
    copy(&content->now, &from->now);
    copy(&content->durable, &from->now);
}

bool sim_content_rot(struct sim_content *content, uint64_t offset)
{
    if (offset >= content->now.size)
        return false;
    uint8_t bit = (uint8_t)(1u << sim_random(8));
    content->now.data[offset] ^= bit;
    if (offset < content->durable.size)
        content->durable.data[offset] ^= bit;
    for (size_t i = 0; i < content->count; i++) {
        struct sim_write *write = &content->pending[i];
        if (write->data != NULL && offset >= write->offset && offset - write->offset < write->size)
            write->data[offset - write->offset] ^= bit;
    }
    return true;
}
