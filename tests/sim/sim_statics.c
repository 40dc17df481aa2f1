/* SPDX-License-Identifier: MIT
 * sim_statics.c - the static memory of LevelDB's library, as a new process would find it.
 *
 * LevelDB keeps a thread, a queue and the names of locked databases in static variables. kill -9
 * takes them away; here the process lives on, so that they are put back to what they were before
 * the program's first call. */
#include "tests/sim/sim_fiber.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    void *begin;
    size_t size;
    void *saved;
} areas[8];
static size_t area_count;

static void add(uintptr_t begin, uintptr_t end)
{
    if (end <= begin || area_count == sizeof areas / sizeof areas[0])
        return;
    void *saved = malloc(end - begin);
    if (saved == NULL)
        abort();
    memcpy(saved, (void *)begin, end - begin);
    areas[area_count].begin = (void *)begin;
    areas[area_count].size = end - begin;
    areas[area_count++].saved = saved;
}

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    if (strstr(info->dlpi_name, "libleveldb") == NULL)
        return 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), read_only_end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_GNU_RELRO)
            read_only_end = (info->dlpi_addr + part->p_vaddr + part->p_memsz) / page * page;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) == 0)
            continue;
        uintptr_t begin = info->dlpi_addr + part->p_vaddr, end = begin + part->p_memsz;
        add(begin < read_only_end && read_only_end <= end ? read_only_end : begin, end);
    }
    return 1;
}

void sim_statics_save(void)
{
    if (area_count == 0)
        dl_iterate_phdr(look, NULL);
}

void sim_statics_restore(void)
{
    for (size_t i = 0; i < area_count; i++)
        memcpy(areas[i].begin, areas[i].saved, areas[i].size);
}
