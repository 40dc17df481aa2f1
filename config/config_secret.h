/* SPDX-License-Identifier: MIT
 * config_secret.h - values kept outside the file: `${ENV}` in any value, `file:/path` for kafka
 * properties. */
#ifndef PENSTOCK_CONFIG_SECRET_H
#define PENSTOCK_CONFIG_SECRET_H

#include "base/buf.h"
#include "base/err.h"

#define CONFIG_SECRET_BYTES_MAX (64u << 10)

/* Appends text to out with each ${NAME} replaced by that environment variable; $${ stands for ${
 * itself. *ret_replaced tells whether there was one. Errors: ERR_INVALID (unset, malformed; msg
 * never holds a value), ERR_TOO_LARGE, ERR_NOMEM */
enum err config_secret_expand(const char *text, struct buf *out, bool *ret_replaced,
                              struct errmsg *msg);

/* Appends the content of the file without its last newline. Errors: ERR_INVALID (the path isn't
 * absolute, a zero byte), ERR_IO, ERR_TOO_LARGE, ERR_NOMEM */
enum err config_secret_read(const char *path, struct buf *out, struct errmsg *msg);

/* Is a librdkafka property of this name always a secret? */
bool config_secret_property(const char *name);

/* Reads a whole file of at most size_max bytes. Errors: ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE,
 * ERR_NOMEM */
enum err config_file_read(const char *path, size_t size_max, struct buf *out, struct errmsg *msg);

#endif
