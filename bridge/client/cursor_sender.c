/* SPDX-License-Identifier: MIT
 * cursor_sender.c - one question, one answer, between two threads. */
#include "bridge/client/cursor_sender.h"

#include <assert.h>
#include <signal.h>

#define CALL_MS 30000

static void *sender_main(void *arg)
{
    struct bridge_cursor_sender *sender = arg;
    pthread_mutex_lock(&sender->lock);
    while (sender->state != BRIDGE_SENDER_STOP) {
        if (sender->state != BRIDGE_SENDER_ASKED) {
            pthread_cond_wait(&sender->changed, &sender->lock);
            continue;
        }
        pthread_mutex_unlock(&sender->lock);
        struct bridge_txn_error error;
        enum bridge_txn_result result = bridge_cursor_topic_send(
            sender->sink, &sender->place, sender->offset_id, sender->meta, CALL_MS, &error);
        pthread_mutex_lock(&sender->lock);
        sender->result = result;
        sender->error = error;
        sender->state = BRIDGE_SENDER_DONE;
        /* Under the lock, since the sink may be closed as soon as the answer is taken. */
        bridge_sink_wake(sender->sink);
    }
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

enum err bridge_cursor_sender_start(struct bridge_cursor_sender *sender)
{
    pthread_mutex_init(&sender->lock, NULL);
    pthread_cond_init(&sender->changed, NULL);
    sender->state = BRIDGE_SENDER_IDLE;
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&sender->thread, NULL, sender_main, sender);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code == 0 ? ERR_OK : ERR_NOMEM;
}

void bridge_cursor_sender_stop(struct bridge_cursor_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    assert(sender->state != BRIDGE_SENDER_ASKED);
    sender->state = BRIDGE_SENDER_STOP;
    pthread_cond_signal(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
    pthread_join(sender->thread, NULL);
    pthread_cond_destroy(&sender->changed);
    pthread_mutex_destroy(&sender->lock);
}

void bridge_cursor_sender_ask(struct bridge_cursor_sender *sender, struct bridge_sink *sink,
                              const struct bridge_cursor_place *place, uint64_t offset_id,
                              const char *meta)
{
    pthread_mutex_lock(&sender->lock);
    assert(sender->state == BRIDGE_SENDER_IDLE);
    sender->sink = sink;
    sender->place = *place;
    sender->offset_id = offset_id;
    sender->meta = meta;
    sender->state = BRIDGE_SENDER_ASKED;
    pthread_cond_signal(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

bool bridge_cursor_sender_busy(struct bridge_cursor_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    bool busy = sender->state == BRIDGE_SENDER_ASKED;
    pthread_mutex_unlock(&sender->lock);
    return busy;
}

bool bridge_cursor_sender_answer(struct bridge_cursor_sender *sender,
                                 enum bridge_txn_result *ret_result,
                                 struct bridge_txn_error *ret_error)
{
    pthread_mutex_lock(&sender->lock);
    bool done = sender->state == BRIDGE_SENDER_DONE;
    if (done) {
        *ret_result = sender->result;
        *ret_error = sender->error;
        sender->state = BRIDGE_SENDER_IDLE;
    }
    pthread_mutex_unlock(&sender->lock);
    return done;
}
