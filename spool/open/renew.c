/* SPDX-License-Identifier: MIT
 * renew.c - `penstock init --new-id`: another identity for a spool that was copied, restored, or
 * set back. */
#include "spool/spool.h"

#include "base/random.h"
#include "spool/place/cursors_file.h"
#include "spool/place/identity_file.h"
#include "spool/place/root.h"

/* Writes `cursors` first, with the state for both ids: so until PENSTOCK names the new id the spool
 * works as before. */
static enum err renew(const struct spool_root *root, struct spool_renewed *renewed,
                      struct errmsg *msg)
{
    struct spool_identity identity = root->identity;
    random_uuid_v4(identity.uuid);
    enum err rc = spool_cursors_renew(root->fd, root->identity.uuid, identity.uuid, identity.seed,
                                      &renewed->has_cursors, msg);
    if (rc == ERR_OK)
        rc = spool_identity_write(root->fd, &identity, msg);
    memcpy(renewed->old_uuid, root->identity.uuid, sizeof renewed->old_uuid);
    memcpy(renewed->new_uuid, identity.uuid, sizeof renewed->new_uuid);
    return rc;
}

enum err spool_renew(const struct spool_options *options, struct spool_renewed *ret_renewed,
                     struct errmsg *msg)
{
    struct spool_options existing = *options;
    struct spool_root root = SPOOL_ROOT_NONE;
    struct spool_renewed renewed = {0};
    existing.create = false;
    enum err rc = spool_root_open(&existing, &root, msg);
    if (rc == ERR_OK)
        rc = renew(&root, &renewed, msg);
    spool_root_close(&root);
    if (rc == ERR_OK)
        *ret_renewed = renewed;
    else
        errmsg_wrap(msg, "spool '%s'", options->path);
    return rc;
}
