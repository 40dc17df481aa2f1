/* SPDX-License-Identifier: MIT
 * test_ingest_http_life.c - clients that are slow, silent or gone, a disk that hangs, a spool that
 * is full or taken away, and the order in which everything stops.
 *
 * A disk that hangs: this program's own fdatasync(), which LevelDB calls instead of libc's, waits
 * behind a gate. */
#include "tests/ingest/ingest_fixture.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool gate_closed;
static int behind_gate;

int fdatasync(int fd)
{
    pthread_mutex_lock(&gate_lock);
    behind_gate++;
    while (gate_closed)
        pthread_cond_wait(&gate_opened, &gate_lock);
    behind_gate--;
    pthread_mutex_unlock(&gate_lock);
    return (int)syscall(SYS_fdatasync, fd);
}

static void gate_set(bool closed)
{
    pthread_mutex_lock(&gate_lock);
    gate_closed = closed;
    pthread_cond_broadcast(&gate_opened);
    pthread_mutex_unlock(&gate_lock);
}

static bool has_ended(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&poll_fd, 1, 0) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static int open_gate(void **state)
{
    gate_set(false);
    return fixture_teardown(state);
}

#define LIFE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, open_gate)

static void test_answer_waits_for_the_sync(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    gate_set(true);
    int fd = client_connect(f, 0);
    client_post_head(fd, "/topics/door", NULL, 1);
    client_say(fd, "x");
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 300), 0);
    assert_int_equal(fixture_stats(f).waiting_for_sync, 1);
    gate_set(false);
    struct reply reply = client_read(fd);
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    close(fd);
}

static void test_hanging_disk_is_answered_with_unknown_and_the_late_sync_does_no_harm(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.commit_timeout_ms = 200;
    fixture_start(f);
    gate_set(true);
    int fd = client_connect(f, 0);
    int64_t start_ms = clock_monotonic_ms();
    struct reply reply = client_post(fd, "/topics/door", NULL, "late");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(buf_string(&reply.body), "unknown"));
    assert_non_null(reply_header(&reply, "Retry-After"));
    assert_in_range(clock_monotonic_ms() - start_ms, 150, 1500);
    reply_done(&reply);
    gate_set(false); /* the connection is open, its request is over, and done() comes only now */
    reply = client_post(fd, "/topics/door", NULL, "next");
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    close(fd);
    SPOOL_FIXTURE_WAIT(fixture_count(f) == 2);
    SPOOL_FIXTURE_WAIT(fixture_stats(f).in_flight_bytes == 0);
}

static void test_late_sync_after_the_connection_has_gone_does_no_harm(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.commit_timeout_ms = 100;
    fixture_start(f);
    gate_set(true);
    for (int i = 0; i < 20; i++)
        assert_post(f, "/topics/door", NULL, "late", 503, "unknown");
    SPOOL_FIXTURE_WAIT(fixture_stats(f).connections == 0);
    gate_set(false);
    SPOOL_FIXTURE_WAIT(fixture_count(f) == 20);
}

static void test_client_that_leaves_while_its_request_is_committed_does_no_harm(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    gate_set(true);
    for (int i = 0; i < 100; i++) {
        int fd = client_connect(f, (size_t)i % 3);
        struct linger reset = {.l_onoff = 1};
        client_post_head(fd, "/topics/door", NULL, 1);
        client_say(fd, "x");
        SPOOL_FIXTURE_WAIT(fixture_stats(f).waiting_for_sync == (uint64_t)i + 1);
        if (i % 2 == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
    }
    gate_set(false);
    SPOOL_FIXTURE_WAIT(fixture_stats(f).connections == 0);
    assert_int_equal(fixture_count(f), 100); /* taken is taken */
    SPOOL_FIXTURE_WAIT(fixture_stats(f).in_flight_bytes == 0);
}

static void test_slow_sender_is_cut_at_its_deadline_however_busy_it_looks(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.request_timeout_ms = 500;
    fixture_start(f);
    int fd = client_connect(f, 0);
    client_post_head(fd, "/topics/door", NULL, 1000);
    int64_t start_ms = clock_monotonic_ms();
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    while (client_say(fd, "x") && poll(&poll_fd, 1, 20) == 0)
        assert_true(clock_monotonic_ms() - start_ms < 5000);
    assert_in_range(clock_monotonic_ms() - start_ms, 400, 1500);
    struct reply reply = client_read(fd);
    assert_int_equal(reply.status, 408);
    reply_done(&reply);
    close(fd);
    SPOOL_FIXTURE_WAIT(fixture_stats(f).connections == 0);
    assert_int_equal(fixture_count(f), 0);
}

static void test_dripped_head_is_cut_at_the_deadline(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.request_timeout_ms = 500;
    fixture_start(f);
    int fd = client_connect(f, 0);
    client_say(fd, "POST /topics/door HTTP/1.1\r\nX: ");
    int64_t start_ms = clock_monotonic_ms();
    while (client_say(fd, "x") && !has_ended(fd)) {
        assert_true(clock_monotonic_ms() - start_ms < 5000);
        clock_sleep_ms(20);
    }
    assert_in_range(clock_monotonic_ms() - start_ms, 400, 1500);
    close(fd);
}

static void test_idle_connection_is_closed_after_a_while(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.idle_timeout_ms = 300;
    fixture_start(f);
    int fd = client_connect(f, 0);
    struct reply reply = client_post(fd, "/topics/door", NULL, "x");
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    SPOOL_FIXTURE_WAIT(has_ended(fd));
    close(fd);
}

static void test_silent_connections_make_way_oldest_first_but_never_one_that_waits(void **state)
{
    struct ingest_fixture *f = *state;
    enum { MAX = 20, MORE = 40 };
    int silent[MORE];
    f->options.connections_max = MAX;
    fixture_start(f);
    gate_set(true);
    int waiting = client_connect(f, 0);
    client_post_head(waiting, "/topics/door", NULL, 1);
    client_say(waiting, "x");
    SPOOL_FIXTURE_WAIT(fixture_stats(f).waiting_for_sync == 1);
    for (int i = 0; i < MORE; i++) {
        silent[i] = client_connect(f, 0);
        SPOOL_FIXTURE_WAIT(fixture_stats(f).connections >= (uint64_t)(i + 2 < MAX ? i + 2 : MAX));
        clock_sleep_ms(5);
    }
    SPOOL_FIXTURE_WAIT(has_ended(silent[0]) && has_ended(silent[MORE - MAX]));
    assert_false(has_ended(silent[MORE - MAX + 1]));
    assert_false(has_ended(silent[MORE - 1]));
    assert_false(has_ended(waiting));
    gate_set(false);
    struct reply reply = client_read(waiting);
    assert_int_equal(reply.status, 200);
    assert_post(f, "/topics/door", NULL, "new", 200, NULL);
    assert_true(fixture_stats(f).connections_evicted >= MORE - MAX + 1);
    reply_done(&reply);
    for (int i = 0; i < MORE; i++)
        close(silent[i]);
    close(waiting);
}

/* Connections that begin a request and then fall silent hold no place, either. */
static void test_unfinished_requests_that_stand_still_make_way(void **state)
{
    struct ingest_fixture *f = *state;
    enum { MAX = 20 };
    int still[MAX];
    f->options.connections_max = MAX;
    fixture_start(f);
    for (int i = 0; i < MAX; i++) {
        still[i] = client_connect(f, 0);
        client_say(still[i],
                   i % 2 == 0
                       ? "POST /topics/door HTTP/1.1\r\nHost: x\r\n"
                       : "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    }
    SPOOL_FIXTURE_WAIT(fixture_stats(f).connections == MAX);
    clock_sleep_ms(1100);
    int64_t start_ms = clock_monotonic_ms();
    for (int i = 0; i < MAX; i++)
        assert_post(f, "/topics/door", NULL, "new", 200, NULL);
    assert_true(clock_monotonic_ms() - start_ms < 1000);
    for (int i = 0; i < MAX; i++)
        close(still[i]);
}

/* As many as the limit on open files lets this one process hold both ends of. */
static void test_thousands_of_silent_connections_do_not_keep_a_new_one_out(void **state)
{
    struct ingest_fixture *f = *state;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    size_t count = limit.rlim_cur > 16000 ? 10000 : limit.rlim_cur / 3;
    f->options.connections_max = 4096;
    fixture_start(f);
    int *silent = calloc(count, sizeof *silent);
    int64_t slowest_ms = 0;
    for (size_t i = 0; i < count; i++) {
        silent[i] = client_connect(f, 0);
        if (i % 1000 != 999)
            continue;
        int64_t start_ms = clock_monotonic_ms();
        assert_post(f, "/topics/door", NULL, "new", 200, NULL);
        int64_t took_ms = clock_monotonic_ms() - start_ms;
        slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
    }
    print_message("%zu silent connections; a new one was served within %lld ms\n", count,
                  (long long)slowest_ms);
    assert_true(slowest_ms < 1000);
    for (size_t i = 0; i < count; i++)
        close(silent[i]);
    free(silent);
}

static void test_full_spool_is_answered_with_retry_after(void **state)
{
    struct ingest_fixture *f = *state;
    f->store.options.size_bytes_max = 1; /* what it takes by itself is more */
    fixture_start(f);
    int fd = client_connect(f, 0);
    struct reply reply = client_post(fd, "/topics/door", NULL, "x");
    /* sizes are looked at from time to time */
    for (int i = 0; reply.status == 200 && i < 300; i++) {
        reply_done(&reply);
        clock_sleep_ms(20);
        reply = client_post(fd, "/topics/door", NULL, "x");
    }
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(buf_string(&reply.body), "50003"));
    assert_non_null(strstr(buf_string(&reply.body), "full"));
    assert_non_null(reply_header(&reply, "Retry-After"));
    reply_done(&reply);
    client_say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    reply = client_read(fd);
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    close(fd);
}

static void test_without_a_spool_the_reason_is_told_until_there_is_one(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_listen(f);
    ingest_set_spool(f->ingest, NULL, "the spool's disk is not mounted");
    assert_post(f, "/topics/door", NULL, "x", 503,
                "no spool, nothing stored, retry later: the spool's disk is not mounted");
    assert_post(f, "/topics/door", NULL, "x", 503, "50003");
    spool_fixture_open(&f->store);
    ingest_set_spool(f->ingest, f->store.spool, NULL);
    assert_post(f, "/topics/door", NULL, "x", 200, NULL);
}

static void test_spool_taken_away_in_the_middle_of_a_body_refuses_that_request(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    int fd = client_connect(f, 0);
    client_say(fd, "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Type: "
                   "application/x-ndjson\r\nContent-Length: 8\r\n\r\na\nb\n");
    SPOOL_FIXTURE_WAIT(fixture_stats(f).body_bytes == 4);
    ingest_set_spool(f->ingest, NULL, "gone");
    spool_fixture_close(&f->store);
    client_say(fd, "c\nd\n");
    struct reply reply = client_read(fd);
    assert_int_equal(reply.status, 503);
    reply_done(&reply);
    spool_fixture_open(&f->store);
    ingest_set_spool(f->ingest, f->store.spool, NULL);
    reply = client_post(fd, "/topics/door", NULL, "x");
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    close(fd);
    assert_int_equal(fixture_count(f), 1);
}

static void test_after_stop_accepting_events_are_refused_and_pages_go_on(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    ingest_stop_accepting(f->ingest);
    assert_post(f, "/topics/door", NULL, "x", 503, "shutting down");
    int fd = client_connect(f, 0);
    client_say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    struct reply reply = client_read(fd);
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    close(fd);
}

static void *stop_all(void *arg)
{
    struct ingest_fixture *f = arg;
    ingest_stop_accepting(f->ingest);
    spool_stop_taking(f->store.spool);
    ingest_stop(f->ingest);
    f->ingest = NULL;
    return NULL;
}

static void test_requests_that_wait_when_everything_stops_still_get_their_answer(void **state)
{
    struct ingest_fixture *f = *state;
    enum { COUNT = 300 };
    int fds[COUNT];
    pthread_t stopper;
    fixture_start(f);
    gate_set(true);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(f, (size_t)i % 3);
        client_post_head(fds[i], "/topics/door", NULL, 1);
        client_say(fds[i], "x");
    }
    SPOOL_FIXTURE_WAIT(fixture_stats(f).waiting_for_sync == COUNT);
    assert_int_equal(pthread_create(&stopper, NULL, stop_all, f), 0);
    clock_sleep_ms(100);
    gate_set(false);
    for (int i = 0; i < COUNT; i++) {
        struct reply reply = client_read(fds[i]);
        assert_int_equal(reply.status, 200);
        reply_done(&reply);
        close(fds[i]);
    }
    pthread_join(stopper, NULL);
    assert_int_equal(fixture_count(f), COUNT);
}

static void test_stopping_with_half_received_requests_and_silent_connections_is_quick(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    int silent = client_connect(f, 0), half = client_connect(f, 1);
    client_post_head(half, "/topics/door", "application/x-ndjson", 100);
    client_say(half, "a\nb");
    SPOOL_FIXTURE_WAIT(fixture_stats(f).body_bytes == 3);
    int64_t start_ms = clock_monotonic_ms();
    stop_all(f);
    assert_true(clock_monotonic_ms() - start_ms < 1000);
    assert_int_equal(fixture_count(f), 0);
    close(silent);
    close(half);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static enum err start_on(struct ingest_fixture *f, char *address, struct errmsg *msg)
{
    f->addresses[0] = address;
    f->options.http_count = 1;
    return ingest_start(&f->options, f->store.spool, NULL, 0, &f->ingest, msg);
}

static void test_socket_that_somebody_listens_on_is_left_alone(void **state)
{
    struct ingest_fixture *f = *state;
    struct ingest *second = NULL;
    struct errmsg msg = {""};
    fixture_start(f);
    f->addresses[0] = f->unix_address;
    f->options.http_count = 1;
    assert_int_not_equal(ingest_start(&f->options, f->store.spool, NULL, 0, &second, &msg), ERR_OK);
    assert_non_null(strstr(msg.text, f->unix_address + 5));
    int fd = client_connect(f, 2);
    struct reply reply = client_post(fd, "/topics/door", NULL, "x");
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    close(fd);
}

static void test_stale_socket_is_replaced_and_another_file_is_not(void **state)
{
    struct ingest_fixture *f = *state;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct errmsg msg = {""};
    spool_fixture_open(&f->store);
    snprintf(local.sun_path, sizeof local.sun_path, "%.100s", f->unix_address + 5);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&local, sizeof local), 0);
    close(stale);
    assert_int_equal(start_on(f, f->unix_address, &msg), ERR_OK);
    ingest_stop(f->ingest);
    f->ingest = NULL;
    FILE *file = fopen(local.sun_path, "w");
    fputs("precious", file);
    fclose(file);
    assert_int_not_equal(start_on(f, f->unix_address, &msg), ERR_OK);
    assert_int_equal(unlink(local.sun_path), 0);
}

static void test_addresses_that_cannot_be_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *address, *part;
    } rows[] = {
        {"", ""},
        {"8080", ""},
        {"127.0.0.1", ""},
        {"127.0.0.1:", ""},
        {"127.0.0.1:x", ""},
        {"127.0.0.1:65536", ""},
        {"::1:8080", ""},
        {"[::1:8080", ""},
        {"unix:", ""},
        {"unix:relative", ""},
        {"no.such.host.invalid:80", ""},
        {"0.0.0.0:8080", "allow_remote"},
        {"[::]:8080", "allow_remote"},
        {"192.0.2.1:8080", "allow_remote"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct errmsg msg = {""};
        assert_int_equal(ingest_address_check(rows[i].address, false, &msg), ERR_INVALID);
        assert_non_null(strstr(msg.text, rows[i].address));
        assert_non_null(strstr(msg.text, rows[i].part));
    }
    static const char *const good[] = {"127.0.0.1:0", "127.9.9.9:80", "[::1]:8080",
                                       "localhost:8080", "unix:/run/x.sock"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(ingest_address_check(good[i], false, NULL), ERR_OK);
    assert_int_equal(ingest_address_check("0.0.0.0:80", true, NULL), ERR_OK);
}

static void test_more_threads_serve_the_same(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.threads = 3;
    fixture_start(f);
    for (int i = 0; i < 30; i++)
        assert_post(f, "/topics/door", NULL, "x", 200, NULL);
    assert_int_equal(fixture_count(f), 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE_TEST(test_answer_waits_for_the_sync),
        LIFE_TEST(test_hanging_disk_is_answered_with_unknown_and_the_late_sync_does_no_harm),
        LIFE_TEST(test_late_sync_after_the_connection_has_gone_does_no_harm),
        LIFE_TEST(test_client_that_leaves_while_its_request_is_committed_does_no_harm),
        LIFE_TEST(test_slow_sender_is_cut_at_its_deadline_however_busy_it_looks),
        LIFE_TEST(test_dripped_head_is_cut_at_the_deadline),
        LIFE_TEST(test_idle_connection_is_closed_after_a_while),
        LIFE_TEST(test_silent_connections_make_way_oldest_first_but_never_one_that_waits),
        LIFE_TEST(test_unfinished_requests_that_stand_still_make_way),
        LIFE_TEST(test_thousands_of_silent_connections_do_not_keep_a_new_one_out),
        LIFE_TEST(test_full_spool_is_answered_with_retry_after),
        LIFE_TEST(test_without_a_spool_the_reason_is_told_until_there_is_one),
        LIFE_TEST(test_spool_taken_away_in_the_middle_of_a_body_refuses_that_request),
        LIFE_TEST(test_after_stop_accepting_events_are_refused_and_pages_go_on),
        LIFE_TEST(test_requests_that_wait_when_everything_stops_still_get_their_answer),
        LIFE_TEST(test_stopping_with_half_received_requests_and_silent_connections_is_quick),
        LIFE_TEST(test_socket_that_somebody_listens_on_is_left_alone),
        LIFE_TEST(test_stale_socket_is_replaced_and_another_file_is_not),
        LIFE_TEST(test_addresses_that_cannot_be_are_refused_with_a_reason),
        LIFE_TEST(test_more_threads_serve_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
