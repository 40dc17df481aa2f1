/* SPDX-License-Identifier: MIT
 * sim_disk_calls.h - what the interposed file calls share: descriptors, paths, trouble.
 *
 * Descriptors of the model begin at SIM_FD_FIRST, so that a number tells whose it is. */
#ifndef PENSTOCK_TESTS_SIM_DISK_CALLS_H
#define PENSTOCK_TESTS_SIM_DISK_CALLS_H

#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_disk_tree.h"

#include <dlfcn.h>

enum { SIM_FD_FIRST = 1 << 20, SIM_FD_COUNT = 1024 };

/* libc's own function of that name, as `real`. */
#define SIM_REAL(name)                                                                             \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL)                                                                              \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

struct sim_open {
    struct sim_inode *inode; /* NULL: free */
    int flags;
    uint64_t offset;
};

/* ---- descriptors ----------------------------------------------------------------------------- */

/* NULL: a descriptor of the machine, or (errno EBADF) a closed one of the model. */
struct sim_open *sim_fd_open(int fd);
bool sim_fd_is_model(int fd);
/* -1: EMFILE */
int sim_fd_make(struct sim_inode *inode, int flags);
void sim_fd_close(int fd);
/* Counts processes: what an earlier one left behind in stdio must not reach the disk. */
unsigned sim_fd_process(void);
void sim_fd_close_all(void);

/* ---- paths ----------------------------------------------------------------------------------- */

struct sim_place {
    struct sim_inode *dir;   /* where the last component stands */
    struct sim_inode *inode; /* NULL: nothing there */
    char name[256];
    bool is_text; /* of the system, made for this call: inode has it */
};

enum sim_path { SIM_PATH_MODEL, SIM_PATH_MACHINE, SIM_PATH_ERROR };
/* Where a path leads; dir_fd as for openat(). SIM_PATH_ERROR sets errno; the place's inode may be
 * NULL in SIM_PATH_MODEL. */
enum sim_path sim_path_find(int dir_fd, const char *path, struct sim_place *ret_place);

/* ---- trouble --------------------------------------------------------------------------------- */

/* A call under way: its inode stays, and its delay comes before or after its effect. */
struct sim_call {
    enum sim_disk_op op;
    struct sim_inode *inode;
    char path[256];
    bool late;
    uint32_t number;
};

/* Begins a call on an inode, or on a name in it; waits when the disk is slow. False: the call
 * fails, errno says how, and it is over. */
bool sim_call_begin(struct sim_call *call, enum sim_disk_op op, struct sim_inode *inode,
                    const char *name);
/* Ends it: result < 0 keeps errno. Returns the result. */
int64_t sim_call_end(struct sim_call *call, int64_t result);

uint64_t sim_disk_free_bytes(void);
uint64_t sim_disk_size_bytes(void);

#endif
