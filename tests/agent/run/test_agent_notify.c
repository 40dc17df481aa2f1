/* SPDX-License-Identifier: MIT
 * test_agent_notify.c - the notification protocol over real datagram sockets. */
#include "agent/run/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/penstock-notify-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(dir + sizeof dir - 7, "XXXXXX");
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return mkdtemp(dir) == NULL || snprintf(path, sizeof path, "%s/notify", dir) < 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

/* What a service manager has: bound to `name`, where '@' stands for the abstract namespace. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 5};
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + (name[0] == '/'));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

static void assert_received(int fd, const char *lines)
{
    char got[512] = "";
    assert_int_equal(recv(fd, got, sizeof got - 1, 0), strlen(lines));
    assert_string_equal(got, lines);
}

static void assert_reaches(const char *name)
{
    int fd = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    struct agent_notify notify = agent_notify_open();
    assert_true(notify.fd >= 0);
    assert_int_equal(notify.watchdog_ms, 0);
    assert_true(agent_notify_send(&notify, "READY=1\nSTATUS=accepting"));
    assert_true(agent_notify_send(&notify, "STOPPING=1"));
    assert_received(fd, "READY=1\nSTATUS=accepting");
    assert_received(fd, "STOPPING=1");
    agent_notify_close(&notify);
    assert_false(agent_notify_send(&notify, "READY=1"));
    close(fd);
}

static void test_a_socket_in_the_filesystem(void **state)
{
    (void)state;
    assert_reaches(path);
}

static void test_an_abstract_socket(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@penstock-test-%d", (int)getpid());
    assert_reaches(name);
}

static void test_without_a_manager_nothing_is_sent(void **state)
{
    (void)state;
    static const char *const names[] = {
        NULL,
        "",
        "/",
        "@",
        "relative",
        "/nowhere/at/all",
        "/a-name-that-is-longer-than-the-address-of-a-unix-socket-can-be-------------------"
        "-----------------------------------------------------------"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] != NULL)
            setenv("NOTIFY_SOCKET", names[i], 1);
        setenv("WATCHDOG_USEC", "1000000", 1);
        struct agent_notify notify = agent_notify_open();
        assert_int_equal(notify.fd, -1);
        assert_int_equal(notify.watchdog_ms, 0);
        assert_false(agent_notify_send(&notify, "READY=1"));
        agent_notify_close(&notify);
    }
}

static void test_the_watchdogs_time(void **state)
{
    (void)state;
    static const struct {
        const char *usec, *pid; /* pid "": this process */
        int64_t ms;
    } rows[] = {
        {"30000000", NULL, 30000},
        {"30000000", "", 30000},
        {"30000000", "1", 0},
        {"0", NULL, 0},
        {"-5", NULL, 0},
        {"soon", NULL, 0},
        {"", NULL, 0},
        {"5000000x", NULL, 0},
    };
    int fd = listen_at(path);
    setenv("NOTIFY_SOCKET", path, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char own[16];
        snprintf(own, sizeof own, "%d", (int)getpid());
        setenv("WATCHDOG_USEC", rows[i].usec, 1);
        unsetenv("WATCHDOG_PID");
        if (rows[i].pid != NULL)
            setenv("WATCHDOG_PID", rows[i].pid[0] != '\0' ? rows[i].pid : own, 1);
        struct agent_notify notify = agent_notify_open();
        assert_int_equal(notify.watchdog_ms, rows[i].ms);
        agent_notify_close(&notify);
    }
    close(fd);
}

/* A manager that doesn't read must not hold up the main loop for ever. */
static void test_a_full_socket_is_given_up(void **state)
{
    (void)state;
    int fd = listen_at(path);
    setenv("NOTIFY_SOCKET", path, 1);
    struct agent_notify notify = agent_notify_open();
    int sent = 0;
    while (sent < 100000 && agent_notify_send(&notify, "WATCHDOG=1"))
        sent++;
    assert_in_range(sent, 1, 99999);
    agent_notify_close(&notify);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_socket_in_the_filesystem, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_abstract_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_manager_nothing_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_watchdogs_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_socket_is_given_up, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
