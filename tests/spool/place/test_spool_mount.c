/* SPDX-License-Identifier: MIT
 * test_spool_mount.c - what must be mounted, by tables written for the test and directories that
 * exist. */
#include "spool/place/mount.h"

#include "spool/disk/dir.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], fstab[128], mountinfo[128];
static struct spool_mount_files files = {fstab, mountinfo};
static int fd = -1;
static struct errmsg msg;

static int set_up(void **state)
{
    (void)state;
    char made[] = "/tmp/penstock-test-XXXXXX";
    assert_non_null(mkdtemp(made));
    assert_non_null(realpath(made, dir)); /* /tmp may be a link */
    snprintf(fstab, sizeof fstab, "%s/fstab", dir);
    snprintf(mountinfo, sizeof mountinfo, "%s/mountinfo", dir);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    msg.text[0] = '\0';
    return fd < 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(fd);
    return spool_dir_remove_tree(AT_FDCWD, dir) != ERR_OK;
}

/* The id of the mount that the test's own directory is on. */
static int own_id(void)
{
    char path[64], line[128];
    int id = -1;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "mnt_id: %d", &id);
    fclose(file);
    return id;
}

/* fstab names what `named` is below the directory (NULL: nothing); the directory's own mount is at
 * `mounted`. */
static void write_tables(const char *named, const char *mounted)
{
    FILE *file = fopen(fstab, "w");
    assert_non_null(file);
    fprintf(file, "/dev/sda / ext4 defaults\n");
    if (named != NULL)
        fprintf(file, "/dev/sdb %s%s ext4 defaults 0 0\n", dir, named);
    fclose(file);
    file = fopen(mountinfo, "w");
    assert_non_null(file);
    fprintf(file, "1 0 8:1 / / rw - ext4 /dev/sda rw\n%d 1 8:2 / %s rw - ext4 /dev/sdb rw\n",
            own_id(), mounted);
    fclose(file);
}

static enum err check(const char *below, const char *require)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", dir, below);
    return spool_mount_check(&files, fd, path, require, &msg);
}

static void test_auto_wants_what_fstab_names_above_the_path(void **state)
{
    (void)state;
    write_tables("", "/elsewhere");
    assert_int_equal(check("/spool", SPOOL_MOUNT_AUTO), ERR_UNAVAILABLE);
    assert_non_null(strstr(msg.text, dir));
    assert_non_null(strstr(msg.text, "is not mounted"));
    assert_int_equal(check("", SPOOL_MOUNT_AUTO), ERR_UNAVAILABLE); /* the mount point itself */
    assert_int_equal(check("-beside/spool", SPOOL_MOUNT_AUTO), ERR_OK);
    write_tables("", dir);
    assert_int_equal(check("/spool", SPOOL_MOUNT_AUTO), ERR_OK);
    assert_int_equal(check("", SPOOL_MOUNT_AUTO), ERR_OK);
}

static void test_auto_wants_nothing_without_fstab_but_a_table_that_cannot_be_read_is_no_answer(
    void **state)
{
    (void)state;
    write_tables("", "/elsewhere");
    assert_int_equal(unlink(fstab), 0);
    assert_int_equal(check("/spool", SPOOL_MOUNT_AUTO), ERR_OK);
    assert_int_equal(mkdir(fstab, 0700), 0);
    assert_int_equal(check("/spool", SPOOL_MOUNT_AUTO), ERR_UNREADABLE);
    assert_int_equal(rmdir(fstab), 0);
    assert_int_equal(unlink(mountinfo), 0);
    assert_int_equal(check("/spool", SPOOL_MOUNT_AUTO), ERR_UNREADABLE);
}

static void test_off_looks_at_nothing(void **state)
{
    (void)state;
    assert_int_equal(check("/spool", SPOOL_MOUNT_OFF), ERR_OK); /* there are no tables */
    assert_int_equal(check("/spool", NULL), ERR_OK);
}

static void test_a_mount_point_by_name_must_be_mounted_and_lie_above(void **state)
{
    (void)state;
    write_tables(NULL, "/elsewhere");
    assert_int_equal(check("/spool", dir), ERR_UNAVAILABLE);
    assert_int_equal(check("/spool", "/"), ERR_OK);
    write_tables(NULL, dir);
    assert_int_equal(check("/spool", dir), ERR_OK);
    char slashes[128];
    snprintf(slashes, sizeof slashes, "%s//./", dir);
    assert_int_equal(check("/spool", slashes), ERR_OK);
    assert_int_equal(check("/spool", "/somewhere/else"), ERR_INVALID);
    assert_non_null(strstr(msg.text, "/somewhere/else"));
}

/* fstab and spool.path may each go through links; the kernel's table doesn't. */
static void test_links_are_followed_also_where_they_lead_to_nothing_yet(void **state)
{
    (void)state;
    char link[128], target[128], path[256];
    snprintf(link, sizeof link, "%s/link", dir);
    snprintf(target, sizeof target, "%s/disk/data", dir); /* doesn't exist */
    assert_int_equal(symlink(target, link), 0);
    write_tables("/disk", "/elsewhere");
    snprintf(path, sizeof path, "%s/link/spool", dir);
    assert_int_equal(spool_mount_check(&files, fd, path, SPOOL_MOUNT_AUTO, &msg), ERR_UNAVAILABLE);
    write_tables("/link", "/elsewhere");
    assert_int_equal(spool_mount_check(&files, fd, target, SPOOL_MOUNT_AUTO, &msg),
                     ERR_UNAVAILABLE);
}

static void assert_resolves(const char *path, const char *wanted)
{
    char out[PATH_MAX];
    assert_int_equal(spool_mount_resolve(path, out, sizeof out, &msg), ERR_OK);
    assert_string_equal(out, wanted);
}

static void test_paths_become_absolute_and_plain(void **state)
{
    (void)state;
    char here[PATH_MAX], wanted[PATH_MAX + 16];
    assert_resolves("/", "/");
    assert_resolves("//", "/");
    assert_resolves("/..", "/");
    assert_resolves("/../..//a-b-c/./d/../e/", "/a-b-c/e");
    assert_non_null(getcwd(here, sizeof here));
    assert_resolves(".", here);
    snprintf(wanted, sizeof wanted, "%s/not-there", here);
    assert_resolves("not-there", wanted);
    assert_resolves("./x/../not-there/", wanted);
}

static void test_links_are_followed_relative_and_absolute_and_in_circles(void **state)
{
    (void)state;
    char path[256], wanted[256], out[PATH_MAX];
    assert_int_equal(symlinkat("down", fd, "one"), 0);
    assert_int_equal(mkdirat(fd, "down", 0700), 0);
    assert_int_equal(symlinkat("../../etc", fd, "down/up"), 0);
    assert_int_equal(symlinkat("b", fd, "a"), 0);
    assert_int_equal(symlinkat("a", fd, "b"), 0);
    snprintf(path, sizeof path, "%s/one/x", dir);
    snprintf(wanted, sizeof wanted, "%s/down/x", dir);
    assert_resolves(path, wanted);
    snprintf(path, sizeof path, "%s/one/up/y", dir); /* ".." from where the link is */
    snprintf(wanted, sizeof wanted, "%s", dir);
    strcpy(strrchr(wanted, '/'), "/etc/y");
    assert_resolves(path, wanted);
    snprintf(path, sizeof path, "%s/a", dir);
    assert_int_equal(spool_mount_resolve(path, out, sizeof out, &msg), ERR_INVALID);
}

static void test_too_long_paths_are_refused(void **state)
{
    (void)state;
    static char path[3 * PATH_MAX];
    char out[PATH_MAX], small[4];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    assert_int_equal(spool_mount_resolve(path, out, sizeof out, &msg), ERR_INVALID);
    for (size_t i = 0; i < sizeof path - 1; i += 2)
        path[i] = '/';
    assert_int_equal(spool_mount_resolve(path, out, sizeof out, &msg), ERR_INVALID);
    assert_int_equal(spool_mount_resolve("/abc", small, sizeof small, &msg), ERR_INVALID);
    assert_int_equal(spool_mount_resolve("/ab", small, sizeof small, &msg), ERR_OK);
}

/* With the system's own tables: what is mounted here is found, what isn't is not. */
static void test_the_systems_own_table_is_understood(void **state)
{
    (void)state;
    int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(proc >= 0);
    assert_int_equal(spool_mount_check(&spool_mount_system, proc, "/proc/spool", "/proc", &msg),
                     ERR_OK);
    assert_int_equal(spool_mount_check(&spool_mount_system, fd, "/proc/spool", "/proc", &msg),
                     ERR_UNAVAILABLE);
    close(proc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_auto_wants_what_fstab_names_above_the_path, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_auto_wants_nothing_without_fstab_but_a_table_that_cannot_be_read_is_no_answer,
            set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_off_looks_at_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mount_point_by_name_must_be_mounted_and_lie_above,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links_are_followed_also_where_they_lead_to_nothing_yet,
                                        set_up, tear_down),
        cmocka_unit_test(test_paths_become_absolute_and_plain),
        cmocka_unit_test_setup_teardown(
            test_links_are_followed_relative_and_absolute_and_in_circles, set_up, tear_down),
        cmocka_unit_test(test_too_long_paths_are_refused),
        cmocka_unit_test_setup_teardown(test_the_systems_own_table_is_understood, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
