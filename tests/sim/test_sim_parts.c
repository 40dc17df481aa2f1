/* SPDX-License-Identifier: MIT
 * test_sim_parts.c - the simulation's own parts: fibers, locks, the clock, the disk. */
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_fiber.h"
#include "tests/sim/child.h"
#include "tests/sim/sim_sched.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

/* In a history: a red run rather than an assertion of cmocka. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_red("test", "%s:%d: %s", __FILE__, __LINE__, #condition);                          \
    } while (0)

static void all_seeds(uint64_t count, void (*fn)(void *arg))
{
    for (uint64_t seed = 1; seed <= count; seed++) {
        struct child child = child_run(seed, fn, NULL);
        assert_int_equal(child.status, 0);
    }
}

/* ---- fibers ---------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static int counter, items;

static void *add_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        int before = counter;
        sched_yield();
        counter = before + 1;
        pthread_mutex_unlock(&lock);
    }
    return (void *)1;
}

static void locks_exclude(void *arg)
{
    pthread_t threads[4];
    (void)arg;
    for (int i = 0; i < 4; i++)
        MUST(pthread_create(&threads[i], NULL, add_many, NULL) == 0);
    for (int i = 0; i < 4; i++) {
        void *value;
        MUST(pthread_join(threads[i], &value) == 0 && value == (void *)1);
    }
    MUST(counter == 4000);
}

static void *take_items(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&lock);
        while (items == 0)
            pthread_cond_wait(&ready, &lock);
        items--;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void conditions_wake(void *arg)
{
    pthread_t threads[3];
    (void)arg;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, take_items, NULL);
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&lock);
        items++;
        pthread_cond_signal(&ready);
        pthread_mutex_unlock(&lock);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    MUST(items == 0);
}

static void time_jumps(void *arg)
{
    struct timespec until;
    (void)arg;
    int64_t begin_ms = sim_now_ms();
    usleep(3600u * 1000000u);
    MUST(sim_now_ms() - begin_ms >= 3600000 && sim_now_ms() - begin_ms < 3600100);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&lock);
    MUST(pthread_cond_timedwait(&ready, &lock, &until) == ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    MUST(sim_now_ms() - begin_ms >= 3660000 && sim_now_ms() - begin_ms < 3660100);
}

static void *hold_for_ever(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    for (;;)
        sleep(1);
    return NULL;
}

static void call_program(void *arg)
{
    pthread_t thread;
    pthread_create(&thread, NULL, hold_for_ever, NULL);
    pthread_join(thread, NULL);
    *(bool *)arg = true;
}

static void kill_soon(void *arg)
{
    (void)arg;
    sim_sleep_ms(5000);
    sim_sched_kill_program();
}

static void kill_drops_the_program(void *arg)
{
    bool returned = false;
    (void)arg;
    sim_sched_spawn("kill", kill_soon, NULL);
    MUST(!sim_sched_call_program(call_program, &returned));
    MUST(!returned && sim_sched_program_fibers() == 0 && sim_now_ms() >= 5000);
}

static void deadlock(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    pthread_cond_wait(&ready, &lock);
}

static void test_locks_exclude(void **state)
{
    (void)state;
    all_seeds(20, locks_exclude);
}

static void test_conditions_wake(void **state)
{
    (void)state;
    all_seeds(20, conditions_wake);
}

static void test_time_jumps(void **state)
{
    (void)state;
    all_seeds(5, time_jumps);
}

static void test_kill_drops_the_program(void **state)
{
    (void)state;
    all_seeds(20, kill_drops_the_program);
}

static void test_deadlock_is_red(void **state)
{
    (void)state;
    assert_int_equal(child_run(1, deadlock, NULL).status, 1);
}

/* ---- the disk -------------------------------------------------------------------------------- */

static int make_file(const char *path, const char *text, bool sync)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    MUST(!sync || fsync(fd) == 0);
    return fd;
}

static void sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    MUST(fd >= 0 && fsync(fd) == 0 && close(fd) == 0);
}

static void files_are_files(void *arg)
{
    char text[16] = "";
    struct stat status;
    (void)arg;
    MUST(mkdir("/sim/a", 0700) == 0 && mkdir("/sim/a", 0700) != 0 && errno == EEXIST);
    int fd = make_file("/sim/a/x", "hello", false);
    MUST(pwrite(fd, "J", 1, 0) == 1 && pread(fd, text, sizeof text, 0) == 5);
    MUST(strcmp(text, "Jello") == 0 && lseek(fd, 0, SEEK_END) == 5);
    MUST(flock(fd, LOCK_EX | LOCK_NB) == 0);
    int other = open("/sim/a/x", O_RDONLY);
    MUST(flock(other, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK);
    MUST(rmdir("/sim/a") != 0 && errno == ENOTEMPTY);
    MUST(rename("/sim/a", "/sim/b") == 0 && stat("/sim/b/x", &status) == 0 && status.st_size == 5);
    MUST(unlink("/sim/b/x") == 0 && stat("/sim/b/x", &status) != 0 && errno == ENOENT);
    MUST(fstat(fd, &status) == 0 && status.st_nlink == 0 && read(other, text, 5) == 5);
    MUST(sim_disk_descriptors() == 2 && close(fd) == 0 && close(other) == 0);
    MUST(rmdir("/sim/b") == 0 && sim_disk_bytes() == 2 * 4096);
}

static void directories_list(void *arg)
{
    unsigned seen = 0;
    (void)arg;
    for (int i = 0; i < 8; i++) {
        char path[32];
        snprintf(path, sizeof path, "/sim/%d", i);
        close(make_file(path, "x", false));
    }
    DIR *dir = opendir("/sim");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        seen |= 1u << (entry->d_name[0] - '0');
    MUST(seen == 255 && closedir(dir) == 0 && sim_disk_descriptors() == 0);
}

static void a_cut_keeps_what_was_synced(void *arg)
{
    char text[32] = "", unsynced[32] = "";
    (void)arg;
    int fd = make_file("/sim/safe", "durable", true);
    sync_dir("/sim");
    MUST(write(fd, " and more", 9) == 9);
    close(make_file("/sim/new", "content", sim_chance(500)));
    sim_disk_power_cut();
    sim_disk_read("safe", text, sizeof text - 1);
    MUST(strncmp(text, "durable", 7) == 0 && sim_disk_size("safe") <= 16);
    size_t size = sim_disk_read("new", unsynced, sizeof unsynced - 1);
    MUST(size <= 7);
    sim_note("%s %zu %zu", text, (size_t)sim_disk_size("safe"), sim_disk_exists("new") ? size : 99);
}

static void a_rename_is_whole(void *arg)
{
    char text[32] = "";
    (void)arg;
    close(make_file("/sim/x", "old", true));
    sync_dir("/sim");
    close(make_file("/sim/x.tmp", "new", true));
    MUST(rename("/sim/x.tmp", "/sim/x") == 0);
    bool synced = sim_chance(500);
    if (synced)
        sync_dir("/sim");
    sim_disk_power_cut();
    sim_disk_read("x", text, sizeof text - 1);
    MUST(strcmp(text, "new") == 0 || (!synced && strcmp(text, "old") == 0));
    MUST(!synced || !sim_disk_exists("x.tmp"));
}

static void a_failed_sync_stays_failed(void *arg)
{
    char text[8] = "";
    (void)arg;
    int fd = make_file("/sim/x", "aaaa", true);
    sync_dir("/sim");
    unsigned fault = sim_disk_fail(SIM_DISK_SYNC, "x", EIO, 1000, INT64_MAX);
    MUST(pwrite(fd, "bbbb", 4, 0) == 4 && fsync(fd) != 0 && errno == EIO);
    sim_disk_mend(fault);
    MUST(fsync(fd) == 0 && pread(fd, text, 4, 0) == 4 && strcmp(text, "bbbb") == 0);
    sim_disk_power_cut();
    MUST(sim_disk_read("x", text, 4) == 4);
    sim_note("%s", text);
    MUST(strcmp(text, "aaaa") == 0 || strcmp(text, "bbbb") == 0);
}

static void a_full_disk_says_so(void *arg)
{
    static char block[65536];
    struct statvfs status;
    (void)arg;
    sim_disk_set_size(sim_disk_bytes() + 100 * 1024);
    int fd = make_file("/sim/x", "", false), dir = open("/sim", O_RDONLY | O_DIRECTORY);
    MUST(write(fd, block, sizeof block) == sizeof block);
    ssize_t n = write(fd, block, sizeof block);
    MUST(n > 0 && n < (ssize_t)sizeof block);
    MUST(write(fd, block, sizeof block) < 0 && errno == ENOSPC);
    MUST(fstatvfs(dir, &status) == 0 && status.f_bavail == 0);
    MUST(mkdir("/sim/d", 0700) != 0 && errno == ENOSPC);
    MUST(ftruncate(fd, 0) == 0 && pwrite(fd, block, 4096, 0) == 4096);
}

static void change_disk(void *arg)
{
    (void)arg;
    sim_sleep_ms(60000);
    sim_disk_delay(SIM_DISK_READ, "x", 0);
}

static void a_hung_disk_hangs(void *arg)
{
    char text[8];
    (void)arg;
    int fd = make_file("/sim/x", "aaaa", false);
    sim_disk_delay(SIM_DISK_READ, "x", INT64_MAX);
    sim_sched_spawn("mend", change_disk, NULL);
    MUST(pread(fd, text, 4, 0) == 4 && sim_now_ms() >= 60000 && sim_now_ms() < 60100);
    sim_disk_delay(SIM_DISK_ALL, "", 100);
    MUST(pread(fd, text, 4, 0) == 4 && sim_now_ms() >= 60100);
}

static void rot_and_operators(void *arg)
{
    char text[8] = "";
    (void)arg;
    mkdir("/sim/d", 0700);
    close(make_file("/sim/d/x", "aaaa", false));
    MUST(sim_disk_copy("d", "e") && !sim_disk_copy("d", "e") && sim_disk_rot("e/x", 1));
    MUST(!sim_disk_rot("e/x", 4) && sim_disk_read("e/x", text, 4) == 4 && text[1] != 'a');
    MUST(sim_disk_read("d/x", text, 4) == 4 && text[1] == 'a');
    MUST(sim_disk_move("e", "f") && sim_disk_remove("d"));
    sim_disk_power_cut();
    MUST(sim_disk_exists("f/x") && !sim_disk_exists("d") && sim_disk_size("f/x") == 4);
    MUST(sim_disk_bytes() == 4 * 4096);
}

static void test_files_are_files(void **state)
{
    (void)state;
    all_seeds(5, files_are_files);
    all_seeds(1, directories_list);
}

static void test_a_cut_keeps_what_was_synced(void **state)
{
    (void)state;
    all_seeds(100, a_cut_keeps_what_was_synced);
    all_seeds(100, a_rename_is_whole);
}

static void test_trouble(void **state)
{
    (void)state;
    all_seeds(20, a_failed_sync_stays_failed);
    all_seeds(5, a_full_disk_says_so);
    all_seeds(5, a_hung_disk_hangs);
    all_seeds(20, rot_and_operators);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locks_exclude),
        cmocka_unit_test(test_conditions_wake),
        cmocka_unit_test(test_time_jumps),
        cmocka_unit_test(test_kill_drops_the_program),
        cmocka_unit_test(test_deadlock_is_red),
        cmocka_unit_test(test_files_are_files),
        cmocka_unit_test(test_a_cut_keeps_what_was_synced),
        cmocka_unit_test(test_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
