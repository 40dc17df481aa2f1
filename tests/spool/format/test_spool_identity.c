/* SPDX-License-Identifier: MIT
 * test_spool_identity.c - PENSTOCK among odd files, the page's example of it, and the lock between
 * processes. */
#include "spool/place/identity_file.h"

#include "base/random.h"
#include "spool/disk/dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];
static int root = -1;

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/penstock-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root < 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(root);
    return spool_dir_remove_tree(AT_FDCWD, dir) != ERR_OK;
}

static void put_identity(const char *text, size_t size)
{
    int fd = openat(root, "PENSTOCK", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
}

static void test_the_identity_is_for_its_owner_alone_and_no_other_file_stays(void **state)
{
    (void)state;
    struct spool_identity identity;
    struct stat status;
    mode_t mask = umask(0);
    assert_int_equal(spool_identity_create(root, &identity, NULL), ERR_OK);
    umask(mask);
    assert_int_equal(fstatat(root, "PENSTOCK", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_mode & 07777, 0600); /* it holds the seed */
    assert_int_equal(faccessat(root, "PENSTOCK.tmp", F_OK, 0), -1);
}

static void test_two_spools_share_neither_id_nor_seed(void **state)
{
    (void)state;
    struct spool_identity a, b;
    assert_int_equal(spool_identity_create(root, &a, NULL), ERR_OK);
    assert_int_equal(unlinkat(root, "PENSTOCK", 0), 0);
    assert_int_equal(spool_identity_create(root, &b, NULL), ERR_OK);
    assert_memory_not_equal(a.uuid, b.uuid, 16);
    assert_true(a.seed != b.seed);
}

static void test_an_identity_cut_anywhere_is_damaged(void **state)
{
    (void)state;
    struct spool_identity identity;
    char text[512];
    assert_int_equal(spool_identity_create(root, &identity, NULL), ERR_OK);
    int fd = openat(root, "PENSTOCK", O_RDONLY);
    ssize_t size = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t cut = 0; cut < size; cut++) {
        put_identity(text, (size_t)cut);
        assert_int_equal(spool_identity_read(root, &identity, NULL), ERR_DAMAGED);
    }
    put_identity(text, (size_t)size);
    assert_int_equal(spool_identity_read(root, &identity, NULL), ERR_OK);
}

/* Each is refused with a word about it, and nothing is made over it. */
static void test_what_is_no_identity_is_damaged_and_stays_as_it_is(void **state)
{
    (void)state;
    struct spool_identity identity;
    struct errmsg msg;
    static char large[100000];
    memset(large, 'x', sizeof large);
    for (int kind = 0; kind < 4; kind++) {
        if (kind == 0)
            put_identity("\0\0\0\0", 4);
        else if (kind == 1)
            put_identity(large, sizeof large);
        else
            assert_int_equal(
                kind == 2 ? mkdirat(root, "PENSTOCK", 0700) : mkfifoat(root, "PENSTOCK", 0600), 0);
        msg.text[0] = '\0';
        assert_int_equal(spool_identity_read(root, &identity, &msg), ERR_DAMAGED);
        assert_non_null(strstr(msg.text, "PENSTOCK"));
        assert_int_equal(spool_identity_create(root, &identity, &msg), ERR_INVALID);
        assert_int_equal(unlinkat(root, "PENSTOCK", kind == 2 ? AT_REMOVEDIR : 0), 0);
    }
}

/* The block behind "## 2." in docs/spool-format.md. */
static void test_the_example_of_the_page_is_an_identity(void **state)
{
    (void)state;
    FILE *page = fopen("docs/spool-format.md", "r"); /* tests run in the project's directory */
    char line[1024], text[1024] = "";
    bool section = false, inside = false;
    assert_non_null(page);
    while (fgets(line, sizeof line, page) != NULL) {
        if (strncmp(line, "## ", 3) == 0)
            section = strncmp(line, "## 2.", 5) == 0;
        else if (section && strncmp(line, "```", 3) == 0)
            inside = !inside;
        else if (inside)
            strcat(text, line);
    }
    fclose(page);
    put_identity(text, strlen(text));
    struct spool_identity identity;
    char id[UUID_TEXT_SIZE];
    assert_int_equal(spool_identity_read(root, &identity, NULL), ERR_OK);
    uuid_format(identity.uuid, id);
    assert_string_equal(id, "49dd7326-b699-4762-ba18-2e942a539dc7");
    assert_true(identity.seed == 0x0f2a9c3b7d115e84ull && identity.created_ms == 1795433293845 &&
                identity.version == 1);
}

/* Takes the lock in a process of its own; returns what that got and, below, what it was told. */
static enum err lock_elsewhere(struct errmsg *ret_msg)
{
    struct {
        enum err rc;
        struct errmsg msg;
    } answer = {ERR_COUNT, {""}};
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int own_root = open(dir, O_RDONLY | O_DIRECTORY), fd;
        answer.rc = spool_lock(own_root, &fd, &answer.msg);
        _exit(write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &answer, sizeof answer), sizeof answer);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    *ret_msg = answer.msg;
    return answer.rc;
}

static void test_a_second_process_is_told_who_holds_the_lock(void **state)
{
    (void)state;
    int fd = -1;
    struct errmsg msg;
    char pid[32];
    assert_int_equal(spool_lock(root, &fd, NULL), ERR_OK);
    assert_int_equal(lock_elsewhere(&msg), ERR_LOCKED);
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_non_null(strstr(msg.text, pid));
    close(fd);
    assert_int_equal(lock_elsewhere(&msg), ERR_OK); /* and that process is gone: its lock with it */
    assert_int_equal(spool_lock(root, &fd, NULL), ERR_OK);
    close(fd);
}

static void test_the_pid_of_a_dead_holder_is_replaced_whole(void **state)
{
    (void)state;
    int fd = openat(root, "LOCK", O_WRONLY | O_CREAT, 0600);
    char content[64] = "", expected[32];
    assert_int_equal(write(fd, "123456789012345\n", 16), 16);
    close(fd);
    assert_int_equal(spool_lock(root, &fd, NULL), ERR_OK);
    assert_true(pread(fd, content, sizeof content - 1, 0) > 0);
    snprintf(expected, sizeof expected, "%d\n", (int)getpid());
    assert_string_equal(content, expected);
    close(fd);
}

static void test_a_lock_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    int fd = 77;
    struct errmsg msg = {""};
    assert_int_equal(mkdirat(root, "LOCK", 0700), 0);
    assert_int_equal(spool_lock(root, &fd, &msg), ERR_IO);
    assert_non_null(strstr(msg.text, "LOCK"));
    assert_int_equal(fd, 77);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_the_identity_is_for_its_owner_alone_and_no_other_file_stays),
        CASE(test_two_spools_share_neither_id_nor_seed),
        CASE(test_an_identity_cut_anywhere_is_damaged),
        CASE(test_what_is_no_identity_is_damaged_and_stays_as_it_is),
        CASE(test_the_example_of_the_page_is_an_identity),
        CASE(test_a_second_process_is_told_who_holds_the_lock),
        CASE(test_the_pid_of_a_dead_holder_is_replaced_whole),
        CASE(test_a_lock_that_cannot_be_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
