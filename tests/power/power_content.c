/* SPDX-License-Identifier: MIT
 * power_content.c - all, nothing, a beginning, zeros, or holes of what a file was given since its
 * last sync. */
#include "tests/power/power_content.h"

#include "tests/power/power_event.h"

#include <xxhash.h>

enum { SECTOR = 512 };

uint64_t power_random(const struct power_spec *spec, uint64_t thing, uint64_t use)
{
    uint64_t x = power_mix(spec->seed * POWER_MODEL_COUNT + spec->model);
    x = power_mix(x ^ (spec->op * POWER_VARIANT_COUNT + spec->variant));
    return power_mix(power_mix(x ^ thing) + use);
}

static void apply_prefix(const struct disk_file *file, uint32_t index,
                         const struct power_spec *spec, struct buf *content)
{
    size_t whole = (size_t)(power_random(spec, index, 3) % (file->unsafe_count + 1));
    for (size_t i = 0; i < whole; i++)
        disk_content_apply(content, file->unsafe[i]);
    if (whole == file->unsafe_count || file->unsafe[whole]->kind != POWER_WRITE)
        return;
    const struct power_op *torn = file->unsafe[whole];
    uint64_t size = power_random(spec, index, 4) % (torn->size + 1);
    if (spec->seed % 2 == 1) { /* up to the end of a sector */
        uint64_t end = (torn->offset + size) / SECTOR * SECTOR;
        size = end > torn->offset ? end - torn->offset : 0;
    }
    if (size > 0)
        disk_content_write(content, torn->data, torn->offset, size);
}

static void write_with_holes(const struct power_op *op, uint32_t index,
                             const struct power_spec *spec, struct buf *content)
{
    uint64_t end = op->offset + op->size;
    if (content->size < end)
        disk_content_resize(content, end);
    for (uint64_t at = op->offset; at < end;) {
        uint64_t next = (at / SECTOR + 1) * SECTOR;
        if (next > end)
            next = end;
        if (power_random(spec, index + (at / SECTOR << 32), 5) % 2 == 0)
            disk_content_write(content, op->data + (at - op->offset), at, next - at);
        at = next;
    }
}

static void apply_op(const struct power_op *op, uint32_t index, const struct power_spec *spec,
                     enum power_variant variant, struct buf *content)
{
    if (op->kind != POWER_WRITE || variant == POWER_ALL)
        disk_content_apply(content, op);
    else if (variant == POWER_ZEROS)
        disk_content_write(content, NULL, op->offset, op->size);
    else
        write_with_holes(op, index, spec, content);
}

struct bytes power_content(struct disk_file *file, uint32_t index, const struct power_spec *spec,
                           struct buf *room, uint64_t *ret_hash)
{
    enum power_variant variant = spec->variant;
    if (variant == POWER_MIXED)
        variant = (enum power_variant)(power_random(spec, index, 6) % POWER_MIXED);
    if (file->unsafe_count == 0 || variant == POWER_NONE) {
        if (file->safe_hash == 0)
            file->safe_hash = XXH3_64bits(file->safe.data, file->safe.size);
        *ret_hash = file->safe_hash;
        return buf_bytes(&file->safe);
    }
    buf_clear(room);
    disk_content_resize(room, 0);
    if (file->safe.size > 0)
        disk_content_write(room, file->safe.data, 0, file->safe.size);
    if (variant == POWER_PREFIX)
        apply_prefix(file, index, spec, room);
    for (size_t i = 0; variant != POWER_PREFIX && i < file->unsafe_count; i++)
        apply_op(file->unsafe[i], index, spec, variant, room);
    *ret_hash = XXH3_64bits(room->data, room->size);
    return buf_bytes(room);
}
