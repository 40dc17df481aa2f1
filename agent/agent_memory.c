/* SPDX-License-Identifier: MIT
 * agent_memory.c - how the program's allocator treats memory that was freed. */
#include "agent/agent_memory.h"

#include <mimalloc.h>
#include <stddef.h>

#define RETURN_AFTER_MS 10

#pragma weak mi_option_set /* builds with sanitizers have an allocator of their own */

void agent_return_memory_soon(void)
{
    if (mi_option_set == NULL)
        return;
#if MI_MALLOC_VERSION < 210
    mi_option_set(mi_option_decommit_delay, RETURN_AFTER_MS);
    mi_option_set(mi_option_segment_decommit_delay, RETURN_AFTER_MS);
#else
    mi_option_set(mi_option_purge_delay, RETURN_AFTER_MS);
#endif
}
