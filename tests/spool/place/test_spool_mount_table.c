/* SPDX-License-Identifier: MIT
 * test_spool_mount_table.c - lines of fstab and mountinfo, good and odd. */
#include "spool/place/mount_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* All mount points of an fstab, each followed by a '|'. */
static const char *points_of(const char *fstab)
{
    static char text[4096], found[4096];
    snprintf(text, sizeof text, "%s", fstab);
    found[0] = '\0';
    char *at = text, *point;
    while (spool_mount_fstab_next(&at, &point)) {
        strcat(found, point);
        strcat(found, "|");
    }
    return found;
}

static void test_fstab_names_what_is_mounted_when_the_system_runs(void **state)
{
    (void)state;
    assert_string_equal(points_of("# /dev/sda9 /commented ext4 defaults 0 0\n"
                                  "\n"
                                  "UUID=1 / ext4 defaults 0 1\n"
                                  "  /dev/sda2\t/data \t ext4\trw,nofail 0 2\n"
                                  "\t# indented\n"
                                  "/dev/sda3 none swap sw 0 0\n"
                                  "/dev/sda4 swap swap defaults 0 0\n"
                                  "/dev/sda5 /swapdir swap defaults 0 0\n"
                                  "/dev/sda6 /later ext4 rw,noauto 0 0\n"
                                  "/dev/sda7 /not ext4 xnoauto,noautox 0 0\n"
                                  "tmpfs /short tmpfs\n"
                                  "/dev/sda8\n"
                                  "/dev/sda8 /half\n"
                                  "/srv/x /bound none bind 0 0\r\n"
                                  "/dev/sdb1 /last xfs defaults 0 0"),
                        "/|/data|/not|/short|/bound|/last|");
    assert_string_equal(points_of(""), "");
    assert_string_equal(points_of("\n\n#"), "");
}

static void test_octal_escapes_are_decoded_and_others_kept(void **state)
{
    (void)state;
    assert_string_equal(points_of("a /my\\040data ext4\n"), "/my data|");
    assert_string_equal(points_of("a /tab\\011nl\\012back\\134slash\\043 ext4\n"),
                        "/tab\tnl\nback\\slash#|");
    assert_string_equal(points_of("a /\\134040 ext4\n"), "/\\040|"); /* once, not twice */
    assert_string_equal(points_of("a /\\04 ext4\n"), "/\\04|");
    assert_string_equal(points_of("a /\\999\\x\\ ext4\n"), "/\\999\\x\\|");
    assert_string_equal(points_of("a /zero\\000end ext4\n"),
                        "/zero\\000end|"); /* no path holds that byte */
    assert_string_equal(points_of("a /\\303\\274 ext4\n"), "/ü|");
    assert_string_equal(points_of("a /over\\400 ext4\n"), "/over\\400|");
}

static size_t parse(const char *mountinfo, struct spool_mount *mounts, size_t max)
{
    static char text[8192];
    snprintf(text, sizeof text, "%s", mountinfo);
    char *at = text;
    size_t count = 0;
    for (struct spool_mount mount; spool_mount_info_next(&at, &mount);) {
        assert_true(count < max);
        mounts[count++] = mount;
    }
    return count;
}

static void test_mountinfo_lines_with_any_number_of_optional_fields(void **state)
{
    (void)state;
    struct spool_mount m[4];
    assert_int_equal(
        parse(
            "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
            "37 36 0:5 / /a\\040b rw - tmpfs  rw\n"
            "38 36 0:6 / /c rw shared:7 propagate_from:2 unbindable - overlay overlay rw,volatile",
            m, 4),
        3);
    assert_int_equal(m[0].id, 36);
    assert_int_equal(m[0].parent_id, 35);
    assert_string_equal(m[0].point, "/mnt2");
    assert_string_equal(m[0].type, "ext3");
    assert_string_equal(m[0].options, "rw,errors=continue");
    assert_string_equal(m[1].point, "/a b");
    assert_string_equal(m[1].type, "tmpfs");
    assert_string_equal(m[2].point, "/c");
    assert_true(spool_mount_has_option(m[2].options, "volatile"));
}

static void test_lines_that_are_none_are_passed_over(void **state)
{
    (void)state;
    struct spool_mount m[2];
    assert_int_equal(parse("", m, 2), 0);
    assert_int_equal(
        parse("\n \n-\n36\n36 35\n36 35 98:0 /\n36 35 98:0 / /x rw\n36 35 98:0 / /x rw master:1 -\n"
              "x 35 98:0 / /x rw - ext4 d rw\n36 -1 98:0 / /x rw - ext4 d rw\n36x 35 98:0 / /x rw "
              "- ext4 d rw\n"
              "99999999999999999999 1 98:0 / /x rw - ext4 d rw\n36 35 98:0 / x rw - ext4 d rw\n"
              "40 35 98:0 / /good rw - ext4 d\n",
              m, 2),
        1);
    assert_string_equal(m[0].point, "/good");
    assert_string_equal(m[0].options, "");
}

/* Whatever bytes stand there: every string of a row ends within the text. */
static void test_any_bytes_are_taken_apart_within_their_text(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789 \t\n/-\\#,:anouto";
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char text[160], copy[160];
        size_t size = (size_t)rand() % (sizeof text - 1);
        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        text[size] = '\0';
        memcpy(copy, text, size + 1);
        char *at = text, *point;
        while (spool_mount_fstab_next(&at, &point))
            assert_true(point[0] == '/' && point + strlen(point) <= text + size);
        at = copy;
        for (struct spool_mount m; spool_mount_info_next(&at, &m);)
            assert_true(m.point[0] == '/' && m.type + strlen(m.type) <= copy + size &&
                        m.options + strlen(m.options) <= copy + size);
    }
}

static void test_a_path_is_covered_by_whole_components(void **state)
{
    (void)state;
    assert_true(spool_mount_covers("/", "/data"));
    assert_true(spool_mount_covers("/", "/"));
    assert_true(spool_mount_covers("/data", "/data"));
    assert_true(spool_mount_covers("/data", "/data/spool"));
    assert_false(spool_mount_covers("/data", "/database"));
    assert_false(spool_mount_covers("/data/spool", "/data"));
    assert_false(spool_mount_covers("/data", "/"));
}

static void test_options_are_found_as_whole_words(void **state)
{
    (void)state;
    assert_true(spool_mount_has_option("noauto", "noauto"));
    assert_true(spool_mount_has_option("rw,noauto,nofail", "noauto"));
    assert_false(spool_mount_has_option("rw,noautox", "noauto"));
    assert_false(spool_mount_has_option("x-noauto", "noauto"));
    assert_false(spool_mount_has_option("", "noauto"));
    assert_false(spool_mount_has_option(",,", "noauto"));
}

/* / (1) has /data (2) has /data/spool (3); later /data was mounted over (4), which hides 2 and
 * 3. */
static struct spool_mount table[] = {
    {1, 0, "/", "ext4", ""},      {2, 1, "/data", "xfs", ""},    {3, 2, "/data/spool", "xfs", ""},
    {4, 2, "/data", "tmpfs", ""}, {5, 1, "/auto", "autofs", ""}, {6, 5, "/auto", "nfs", ""},
    {7, 8, "/loop", "ext4", ""}, /* no such table exists */
    {8, 7, "/loop2", "ext4", ""},
};
#define ON_WAY(id, point) spool_mount_on_way(table, sizeof table / sizeof table[0], id, point)

static void test_what_counts_is_mounted_on_the_way_to_the_directory(void **state)
{
    (void)state;
    assert_true(ON_WAY(3, "/data/spool"));
    assert_true(ON_WAY(3, "/data"));
    assert_true(ON_WAY(3, "/"));
    assert_true(ON_WAY(4, "/data"));
    assert_false(ON_WAY(4, "/data/spool")); /* mounted, but hidden: the path leads past it */
    assert_false(ON_WAY(1, "/data"));       /* the directory below the mount */
    assert_false(ON_WAY(99, "/data"));      /* an unmounted one */
    assert_true(ON_WAY(-1, "/data/spool")); /* the kernel doesn't say which: then anywhere */
    assert_false(ON_WAY(-1, "/dat"));
}

static void test_a_promise_of_autofs_is_no_mount(void **state)
{
    (void)state;
    assert_false(ON_WAY(5, "/auto"));
    assert_true(ON_WAY(6, "/auto"));
}

static void test_a_circle_in_the_table_ends(void **state)
{
    (void)state;
    assert_true(ON_WAY(7, "/loop2"));
    assert_false(ON_WAY(7, "/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fstab_names_what_is_mounted_when_the_system_runs),
        cmocka_unit_test(test_octal_escapes_are_decoded_and_others_kept),
        cmocka_unit_test(test_mountinfo_lines_with_any_number_of_optional_fields),
        cmocka_unit_test(test_lines_that_are_none_are_passed_over),
        cmocka_unit_test(test_any_bytes_are_taken_apart_within_their_text),
        cmocka_unit_test(test_a_path_is_covered_by_whole_components),
        cmocka_unit_test(test_options_are_found_as_whole_words),
        cmocka_unit_test(test_what_counts_is_mounted_on_the_way_to_the_directory),
        cmocka_unit_test(test_a_promise_of_autofs_is_no_mount),
        cmocka_unit_test(test_a_circle_in_the_table_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
