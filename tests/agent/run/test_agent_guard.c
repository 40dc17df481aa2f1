/* SPDX-License-Identifier: MIT
 * test_agent_guard.c - the guard in one process with the real listeners, spool and bridge, while
 * clients go on posting: the spool comes, goes, comes back, and is exchanged. */
#include "agent/run/guard.h"
#include "agent/client/http_client.h"

#include "base/clock.h"
#include "spool/disk/dir.h"
#include "tests/support/tsan_threads.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { CLIENTS = 4 };

static struct {
    char dir[64], spool[80], aside[80];
    struct config config;
    struct agent_state state;
    struct ingest_page pages[2];
    struct agent_guard_calls calls;
    struct agent_guard *guard;
    struct ingest *ingest;
    atomic_bool up, gave_up, stop;
    struct errmsg why;
    pthread_t clients[CLIENTS];
    size_t client_count;
    atomic_uint accepted, refused, other;
} f;

static void on_up(void *arg)
{
    (void)arg;
    atomic_store(&f.up, true);
}

static void on_gave_up(void *arg, const struct errmsg *why)
{
    (void)arg;
    f.why = *why;
    atomic_store(&f.gave_up, true);
}

static void set(const char *name, const char *value)
{
    struct errmsg msg = {""};
    if (config_set(&f.config, name, &value, 1, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
}

static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    strcpy(f.dir, "/tmp/penstock-test-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    snprintf(f.spool, sizeof f.spool, "%s/spool", f.dir);
    snprintf(f.aside, sizeof f.aside, "%s/aside", f.dir);
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(config_init_defaults(&f.config), ERR_OK);
    f.config.bridge.mock_kafka = true;
    set("spool.path", f.spool);
    set("spool.min_free", "1MiB");
    set("listen.http", "127.0.0.1:0");
    set("listen.threads", "2");
    pthread_rwlock_init(&f.state.lock, NULL);
    f.pages[0] = (struct ingest_page){"/readyz", agent_page_ready, &f.state, NULL, NULL};
    f.pages[1] = (struct ingest_page){"/status", agent_page_status, &f.state, NULL, NULL};
    f.calls = (struct agent_guard_calls){.up = on_up, .gave_up = on_gave_up};
    return 0;
}

static void start(void)
{
    struct errmsg msg = {""};
    assert_int_equal(ingest_start(&f.config.ingest, NULL, f.pages, 2, &f.ingest, &msg), ERR_OK);
    f.state.ingest = f.ingest;
    assert_int_equal(agent_guard_start(&f.config, &f.state, &f.calls, &f.guard, &msg), ERR_OK);
}

static void send_one(struct agent_http_client *client, const char *method, const char *path)
{
    struct agent_http_response response = {0};
    bool posted = strcmp(method, "POST") == 0;
    enum err rc =
        agent_http_client_send(client, method, path, posted ? "text/plain" : NULL,
                               posted ? bytes_of_string("x") : BYTES_NULL, 10000, &response, NULL);
    if (rc != ERR_OK || (response.status != 200 && response.status != 503))
        atomic_fetch_add(&f.other, 1);
    else if (posted)
        atomic_fetch_add(response.status == 200 ? &f.accepted : &f.refused, 1);
    buf_free(&response.body);
}

static void *client_main(void *arg)
{
    struct agent_http_client client;
    char url[64];
    (void)arg;
    snprintf(url, sizeof url, "http://%s", ingest_address(f.ingest, 0));
    if (agent_http_client_init(&client, url, NULL, NULL) != ERR_OK)
        return NULL;
    while (!atomic_load(&f.stop)) {
        send_one(&client, "POST", "/topics/t");
        send_one(&client, "GET", "/status");
        send_one(&client, "GET", "/readyz");
    }
    agent_http_client_done(&client);
    return NULL;
}

static void start_clients(void)
{
    for (; f.client_count < CLIENTS; f.client_count++)
        assert_int_equal(pthread_create(&f.clients[f.client_count], NULL, client_main, NULL), 0);
}

/* In the order that the agent keeps. */
static int tear_down(void **state)
{
    (void)state;
    atomic_store(&f.stop, true);
    for (size_t i = 0; i < f.client_count; i++)
        pthread_join(f.clients[i], NULL);
    if (f.ingest != NULL)
        ingest_stop_accepting(f.ingest);
    agent_guard_stop(f.guard);
    if (f.state.spool != NULL)
        spool_stop_taking(f.state.spool);
    ingest_stop(f.ingest);
    bridge_stop(f.state.bridge);
    spool_close(f.state.spool);
    pthread_rwlock_destroy(&f.state.lock);
    config_free(&f.config);
    return spool_dir_remove_tree(AT_FDCWD, f.dir) != ERR_OK;
}

/* Waits (bounded), and tells how long it took. */
#define WAIT(condition)                                                                            \
    do {                                                                                           \
        for (int wait_i = 0; !(condition); wait_i++) {                                             \
            if (wait_i > 20000)                                                                    \
                fail_msg("waited 20 s in vain for %s", #condition);                                \
            clock_sleep_ms(1);                                                                     \
        }                                                                                          \
    } while (0)

static bool is_away_because(const char *part)
{
    pthread_rwlock_rdlock(&f.state.lock);
    bool found = f.state.away.text[0] != '\0' && strstr(f.state.away.text, part) != NULL;
    pthread_rwlock_unlock(&f.state.lock);
    return found;
}

static bool accepts(void)
{
    struct buf body = {0};
    const char *type;
    int status = agent_page_ready(&f.state, &body, &type);
    buf_free(&body);
    return status == 200;
}

static struct spool *current_spool(void)
{
    pthread_rwlock_rdlock(&f.state.lock);
    struct spool *spool = f.state.spool;
    pthread_rwlock_unlock(&f.state.lock);
    return spool;
}

static bool has_bridge(void)
{
    pthread_rwlock_rdlock(&f.state.lock);
    bool has = f.state.bridge != NULL;
    pthread_rwlock_unlock(&f.state.lock);
    return has;
}

static bool more(atomic_uint *count)
{
    unsigned before = atomic_load(count);
    for (int i = 0; i < 5000 && atomic_load(count) == before; i++)
        clock_sleep_ms(1);
    return atomic_load(count) != before;
}

static void test_spool_is_waited_for_and_used_once_it_is_there(void **state)
{
    (void)state;
    uint8_t uuid[16];
    bool made;
    start();
    start_clients();
    WAIT(is_away_because("No such file"));
    assert_true(more(&f.refused));
    assert_int_equal(atomic_load(&f.accepted), 0);
    assert_false(atomic_load(&f.up));
    assert_int_equal(spool_init(&f.config.spool, uuid, &made, NULL), ERR_OK);
    WAIT(atomic_load(&f.up));
    assert_true(accepts());
    assert_true(more(&f.accepted));
    assert_int_equal(atomic_load(&f.other), 0);
}

static void test_spool_that_comes_and_goes_stays_open(void **state)
{
    (void)state;
    set("spool.create", "true");
    start();
    start_clients();
    WAIT(atomic_load(&f.up));
    struct spool *spool = current_spool();
    for (int i = 0; i < 3; i++) {
        assert_true(more(&f.accepted));
        assert_int_equal(rename(f.spool, f.aside), 0);
        WAIT(is_away_because(f.spool));
        assert_false(accepts());
        assert_true(more(&f.refused));
        assert_int_equal(access(f.spool, F_OK), -1);
        assert_int_equal(rename(f.aside, f.spool), 0);
        WAIT(accepts());
        assert_true(more(&f.accepted));
        assert_ptr_equal(current_spool(), spool);
    }
    assert_int_equal(atomic_load(&f.other), 0); /* every request got an answer */
}

static void test_copy_in_its_place_is_opened_and_the_spool_before_is_closed(void **state)
{
    (void)state;
    char command[400];
    set("spool.create", "true");
    start();
    start_clients();
    WAIT(atomic_load(&f.up));
    for (int i = 0; i < 2; i++) {
        assert_true(more(&f.accepted));
        char copy[100];
        snprintf(copy, sizeof copy, "%s/copy%d", f.dir, i);
        snprintf(command, sizeof command, "mkdir '%s' && cp '%s/PENSTOCK' '%s/'", copy, f.spool,
                 copy);
        assert_int_equal(system(command), 0);
        snprintf(command, sizeof command, "%s/before%d", f.dir, i);
        assert_int_equal(rename(f.spool, command), 0);
        assert_int_equal(rename(copy, f.spool), 0);
        char segments[100];
        snprintf(segments, sizeof segments, "%s/segments", f.spool);
        WAIT(access(segments, F_OK) == 0 && accepts()); /* nobody else makes that */
        assert_true(more(&f.accepted));
        WAIT(has_bridge());
    }
    assert_int_equal(atomic_load(&f.other), 0);
}

static void test_spool_of_another_agent_is_an_error_at_the_start_only(void **state)
{
    (void)state;
    struct spool *other = NULL;
    struct errmsg msg = {""};
    set("spool.create", "true");
    assert_int_equal(spool_open(&f.config.spool, NULL, NULL, &other, &msg), ERR_OK);
    start();
    WAIT(atomic_load(&f.gave_up));
    assert_non_null(strstr(f.why.text, "in use by process"));
    spool_close(other);
    assert_false(atomic_load(&f.up));
}

static void test_spool_that_is_taken_while_it_is_waited_for_is_waited_for_on(void **state)
{
    (void)state;
    struct spool *other = NULL;
    struct errmsg msg = {""};
    struct spool_options making = f.config.spool;
    making.create = true;
    start();
    WAIT(is_away_because("No such file"));
    making.path = f.aside;
    assert_int_equal(spool_open(&making, NULL, NULL, &other, &msg), ERR_OK);
    assert_int_equal(rename(f.aside, f.spool), 0);
    WAIT(is_away_because("in use by process"));
    spool_close(other);
    WAIT(accepts());
    assert_false(atomic_load(&f.gave_up));
}

static void test_waiting_ends_with_its_time_or_with_the_agent(void **state)
{
    (void)state;
    set("spool.mount_wait", "300ms");
    int64_t begun_ms = clock_monotonic_ms();
    start();
    WAIT(atomic_load(&f.gave_up));
    assert_true(clock_monotonic_ms() - begun_ms >= 300);
    assert_non_null(strstr(f.why.text, "spool.mount_wait"));
    assert_non_null(strstr(f.why.text, f.spool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_spool_is_waited_for_and_used_once_it_is_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_spool_that_comes_and_goes_stays_open, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_copy_in_its_place_is_opened_and_the_spool_before_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spool_of_another_agent_is_an_error_at_the_start_only,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_spool_that_is_taken_while_it_is_waited_for_is_waited_for_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waiting_ends_with_its_time_or_with_the_agent, set_up,
                                        tear_down),
    };
    return tsan_threads_linked ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
