/* SPDX-License-Identifier: MIT
 * admin.c - the socket in the spool's directory, and its requests. */
#include "agent/run/admin.h"

#include "spool/spool_letters.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_EVERY_MS = 200,
    REQUEST_MS_MAX = 5000,
    FORGET_S_MAX = 2 /* a request may be under way */
};

struct agent_admin {
    struct agent_state *state;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t closed;
    struct spool *spool; /* the spool that the socket belongs to; NULL: no socket is open */
    int fd;              /* only the thread closes it */
    bool forget;         /* the socket is to be closed now */
};

/* ---- requests -------------------------------------------------------------------------------- */

/* Numbers after the first word, ascending. NULL: a word isn't a number, or memory is out. */
static uint64_t *parse_ids(const char *text, size_t *ret_count)
{
    size_t count = 0;
    uint64_t *ids = malloc((strlen(text) / 2 + 1) * sizeof *ids);
    while (ids != NULL && *(text += strspn(text, " ")) != '\0') {
        char *end;
        errno = 0;
        ids[count++] = strtoull(text, &end, 10);
        if (end == text || (*end != ' ' && *end != '\0') || errno != 0) {
            free(ids);
            return NULL;
        }
        text = end;
    }
    if (ids != NULL)
        qsort(ids, count, sizeof *ids, spool_id_compare);
    *ret_count = count;
    return ids;
}

typedef enum err request_fn(struct spool *spool, const uint64_t *ids, size_t count,
                            size_t *ret_count, struct errmsg *msg);

static const struct {
    const char *name;
    request_fn *fn;
} requests[] = {{"drop", spool_letters_remove}, {"requeue", agent_requeue}};

static enum err run_request(struct agent_state *state, request_fn *fn, const char *text,
                            size_t *ret_count, struct errmsg *msg)
{
    size_t count = 0;
    uint64_t *ids = parse_ids(text, &count);
    if (ids == NULL)
        return errmsg_set(msg, ERR_INVALID, "an event id is a number");
    pthread_rwlock_rdlock(&state->lock);
    enum err rc = state->spool == NULL ? errmsg_set(msg, ERR_UNAVAILABLE, "the spool isn't there")
                                       : fn(state->spool, ids, count, ret_count, msg);
    pthread_rwlock_unlock(&state->lock);
    free(ids);
    return rc;
}

void agent_admin_answer(struct agent_state *state, const char *line, struct buf *out)
{
    size_t size = strcspn(line, " "), done = 0;
    struct errmsg msg = {""};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (strlen(requests[i].name) != size || strncmp(line, requests[i].name, size) != 0)
            continue;
        enum err rc = run_request(state, requests[i].fn, line + size, &done, &msg);
        if (rc == ERR_OK)
            buf_printf(out, "ok %zu\n", done);
        else
            buf_printf(out, "error %s (%zu were done)\n",
                       msg.text[0] != '\0' ? msg.text : err_text(rc), done);
        return;
    }
    buf_append_string(out, "error unknown request: drop or requeue, then event ids\n");
}

/* ---- connections ----------------------------------------------------------------------------- */

/* Reads a line. False: the line didn't come in time, or is too long. */
static bool read_line(int fd, struct buf *line)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (line->size > AGENT_ADMIN_LINE_BYTES_MAX || !buf_reserve(line, 65536) ||
            poll(&poll_fd, 1, REQUEST_MS_MAX) <= 0)
            return false;
        ssize_t n = recv(fd, line->data + line->size, 65536, 0);
        if (n <= 0)
            return false;
        char *end = memchr(line->data + line->size, '\n', (size_t)n);
        line->size += (size_t)n;
        if (end != NULL) {
            *end = '\0';
            return true;
        }
    }
}

static void serve(struct agent_admin *admin, int fd)
{
    struct buf line = {0}, out = {0};
    if (read_line(fd, &line))
        agent_admin_answer(admin->state, (const char *)line.data, &out);
    if (out.size > 0)
        (void)!send(fd, out.data, out.size, MSG_NOSIGNAL);
    buf_free(&line);
    buf_free(&out);
    close(fd);
}

/* ---- the socket ------------------------------------------------------------------------------ */

/* Lock held, here and in open_socket(). */
static void close_socket(struct agent_admin *admin)
{
    if (admin->fd >= 0)
        close(admin->fd);
    admin->fd = -1;
    admin->spool = NULL;
    admin->forget = false;
    pthread_cond_signal(&admin->closed);
}

/* Opens the socket through the spool's own descriptor: no path beside the spool is touched, and the
 * spool's path may be long. */
static void open_socket(struct agent_admin *admin, struct spool *spool)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder_fd = spool_folder_fd(spool), fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" AGENT_ADMIN_SOCKET,
             folder_fd);
    /* left by an agent that was killed: the spool's lock is ours */
    (void)unlinkat(folder_fd, AGENT_ADMIN_SOCKET, 0);
    /* Noted before the attempt, so that a disk that takes no socket isn't tried for ever. */
    admin->spool = spool;
    if (fd < 0)
        return;
    if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, 4) != 0) {
        close(fd);
        return;
    }
    admin->fd = fd;
}

/* Returns the socket; -1: no socket is open. */
static int look(struct agent_admin *admin)
{
    pthread_rwlock_rdlock(&admin->state->lock);
    pthread_mutex_lock(&admin->lock);
    struct spool *spool = admin->state->spool;
    if (spool != admin->spool || admin->forget) {
        close_socket(admin);
        if (spool != NULL)
            open_socket(admin, spool);
    }
    int fd = admin->fd;
    pthread_mutex_unlock(&admin->lock);
    pthread_rwlock_unlock(&admin->state->lock);
    return fd;
}

/* A clean stop leaves no socket behind. */
static void remove_socket(struct agent_admin *admin)
{
    pthread_rwlock_rdlock(&admin->state->lock);
    pthread_mutex_lock(&admin->lock);
    if (admin->fd >= 0 && admin->state->spool == admin->spool)
        (void)unlinkat(spool_folder_fd(admin->spool), AGENT_ADMIN_SOCKET, 0);
    close_socket(admin);
    pthread_mutex_unlock(&admin->lock);
    pthread_rwlock_unlock(&admin->state->lock);
}

static void *admin_main(void *arg)
{
    struct agent_admin *admin = arg;
    while (!atomic_load(&admin->stopping)) {
        /* poll() passes a negative descriptor over */
        struct pollfd poll_fd = {.fd = look(admin), .events = POLLIN};
        if (poll(&poll_fd, 1, LOOK_EVERY_MS) <= 0)
            continue;
        int fd = accept4(poll_fd.fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            serve(admin, fd);
    }
    remove_socket(admin);
    return NULL;
}

enum err agent_admin_start(struct agent_state *state, struct agent_admin **ret_admin)
{
    struct agent_admin *admin = calloc(1, sizeof *admin);
    if (admin == NULL)
        return ERR_NOMEM;
    admin->state = state;
    admin->fd = -1;
    pthread_mutex_init(&admin->lock, NULL);
    pthread_cond_init(&admin->closed, NULL);
    if (pthread_create(&admin->thread, NULL, admin_main, admin) != 0) {
        free(admin);
        return ERR_NOMEM;
    }
    *ret_admin = admin;
    return ERR_OK;
}

void agent_admin_forget(struct agent_admin *admin)
{
    if (admin == NULL)
        return;
    pthread_mutex_lock(&admin->lock);
    admin->forget = admin->fd >= 0;
    if (admin->forget)
        (void)shutdown(admin->fd, SHUT_RDWR); /* wakes the thread, since a socket that is closed
                                               * while the thread waits would live on */
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += FORGET_S_MAX;
    while (admin->forget &&
           pthread_cond_clockwait(&admin->closed, &admin->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    pthread_mutex_unlock(&admin->lock);
}

void agent_admin_stop(struct agent_admin *admin)
{
    if (admin == NULL)
        return;
    atomic_store(&admin->stopping, true);
    pthread_join(admin->thread, NULL);
    free(admin);
}
