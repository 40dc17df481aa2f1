/* SPDX-License-Identifier: MIT
 * memory.c - how the program's allocator treats memory that was freed. */
#include "agent/run/memory.h"

#include <mimalloc.h>
#include <stddef.h>

#pragma weak mi_option_set /* builds with sanitizers have an allocator of their own */

void agent_return_memory_soon(void)
{
    if (mi_option_set == NULL)
        return;
#if MI_MALLOC_VERSION < 210
    mi_option_set(mi_option_decommit_delay, 0);
    mi_option_set(mi_option_decommit_extend_delay, 0);
    mi_option_set(mi_option_segment_decommit_delay, 0);
#else
    mi_option_set(mi_option_purge_delay, 0); /* from 2.1 on both have the same delay */
#endif
}
