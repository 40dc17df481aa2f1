/* SPDX-License-Identifier: MIT
 * test_config_near.c - what somebody may have meant by a name that doesn't exist. */
#include "config/config_near.h"

#include "config/config_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void test_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {
        {"", "", 0},           {"", "abc", 3},           {"spool", "spool", 0},
        {"spol", "spool", 1},  {"spoool", "spool", 1},   {"sppol", "spool", 1},
        {"psool", "spool", 1}, {"kitten", "sitting", 3}, {"abcd", "badc", 2},
        {"ca", "abc", 3},      {"path", "pth", 1},       {"path", "paath", 1},
        {"path", "parh", 1},   {"path", "apth", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(config_near_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(config_near_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
}

/* The table of the distance has its size fixed: names as long as a file may hold must not reach
 * beyond. */
static void test_distance_of_long_texts(void **state)
{
    (void)state;
    char longest[65], longer[66], huge[5000];
    memset(longest, 'a', 64);
    longest[64] = '\0';
    memset(longer, 'a', 65);
    longer[65] = '\0';
    memset(huge, 'a', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_int_equal(config_near_distance(longest, longest), 0);
    assert_int_equal(config_near_distance(longest, ""), 64);
    assert_true(config_near_distance(longer, longest) > 64);
    assert_true(config_near_distance(longest, huge) > 64);
    assert_true(config_near_distance(huge, huge) > 64);
    assert_null(config_near_key(huge));
    assert_null(config_near_section(huge));
}

static void test_near_key(void **state)
{
    (void)state;
    static const struct {
        const char *name, *near;
    } rows[] = {
        {"spool.segmnt_size", "spool.segment_size"},
        {"spool.segement_size", "spool.segment_size"},
        {"spool.segmentsize", "spool.segment_size"},
        {"spool.segment-size", "spool.segment_size"},
        {"spool.pth", "spool.path"},
        {"listen.htpp", "listen.http"},
        {"listen.https", "listen.http"},
        {"bridge.delivrey", "bridge.delivery"},
        {"spool.segmet_size", "spool.segment_size"},
        {"listen.thread", "listen.threads"},
        {"bridge.delivry", "bridge.delivery"},
        {"log.levle", "log.level"},
        {"topics.alow", "topics.allow"},
        {"bridge.segment_size", "spool.segment_size"}, /* the right name in the wrong section */
        {"listen.segment_size", "spool.segment_size"},
        {"spool.max_body", "listen.max_body"},
        {"segment_size", "spool.segment_size"}, /* and in none */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *near = config_near_key(rows[i].name);
        if (near == NULL || strcmp(near, rows[i].near) != 0)
            fail_msg("'%s' is nearest to %s, not %s", rows[i].name, near == NULL ? "nothing" : near,
                     rows[i].near);
    }
}

static void test_nothing_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"",           ".",
                                        "spool.",     "spool.xyzzyxyzzy",
                                        "spool.quux", "spool.colour",
                                        "frobnicate", "replication.factor"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (config_near_key(names[i]) != NULL)
            fail_msg("'%s' is taken for %s", names[i], config_near_key(names[i]));
}

static void test_near_section(void **state)
{
    (void)state;
    assert_string_equal(config_near_section("spol"), "spool");
    assert_string_equal(config_near_section("Kafka"), "kafka");
    assert_string_equal(config_near_section("listn"), "listen");
    assert_string_equal(config_near_section("topic"), "topics");
    assert_string_equal(config_near_section("brigde"), "bridge");
    assert_string_equal(config_near_section("kafak"), "kafka");
    assert_string_equal(config_near_section("listener"), "listen");
    assert_null(config_near_section("frobnicate"));
    assert_null(config_near_section("database"));
}

/* A hint that isn't a setting itself would send people in circles. */
static void test_each_key_is_nearest_to_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++)
        assert_string_equal(config_near_key(config_keys[i].name), config_keys[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),     cmocka_unit_test(test_distance_of_long_texts),
        cmocka_unit_test(test_near_key),     cmocka_unit_test(test_nothing_is_near),
        cmocka_unit_test(test_near_section), cmocka_unit_test(test_each_key_is_nearest_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
