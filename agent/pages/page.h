/* SPDX-License-Identifier: MIT
 * page.h - the status page for browsers, as cmake/page.cmake makes it from
 * agent/pages/index.html. */
#ifndef PENSTOCK_AGENT_PAGES_PAGE_H
#define PENSTOCK_AGENT_PAGES_PAGE_H

#include <stddef.h>

extern const unsigned char agent_page_html[];
extern const size_t agent_page_html_size;
extern const char agent_page_policy[]; /* the page's Content-Security-Policy */

#endif
