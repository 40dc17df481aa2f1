/* SPDX-License-Identifier: MIT
 * listen.h - addresses to listening sockets. */
#ifndef PENSTOCK_INGEST_NET_LISTEN_H
#define PENSTOCK_INGEST_NET_LISTEN_H

#include "base/err.h"
#include "ingest/ingest_options.h"

#include <stdbool.h>
#include <sys/types.h>

struct ingest_listener {
    int fd;
    char *unix_path; /* of a Unix socket: unlinked when the listener closes, if it is still ours;
                      * else NULL */
    dev_t device;
    ino_t inode;
    char bound[256]; /* as bound: "127.0.0.1:8080", with the real port where 0 was asked for */
};

/* Binds and listens. A stale Unix socket (no process answers on it) is replaced. Errors:
 * ERR_INVALID (malformed, or beyond loopback without allow_remote), ERR_IO */
enum err ingest_listen(const struct ingest_options *options, const char *address,
                       struct ingest_listener *ret_listener, struct errmsg *msg);
void ingest_unlisten(struct ingest_listener *listener); /* closes fd unless it is -1 */

#endif
