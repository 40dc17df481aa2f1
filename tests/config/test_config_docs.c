/* SPDX-License-Identifier: MIT
 * test_config_docs.c - the generated pages are current, and the example works. Runs in the root of
 * the tree. */
#include "config/config_keys.h"
#include "config/config_secret.h"
#include "tests/support/tsan_threads.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_current(const char *path, void (*render)(struct buf *out), const char *remedy)
{
    struct buf rendered = {0}, file = {0};
    struct errmsg msg = {""};
    render(&rendered);
    if (config_file_read(path, 1 << 20, &file, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
    if (strcmp(buf_string(&file), buf_string(&rendered)) != 0)
        fail_msg("%s isn't current: penstock check-config %s >%s", path, remedy, path);
    buf_free(&rendered);
    buf_free(&file);
}

static void test_reference_page_is_current(void **state)
{
    (void)state;
    assert_current("docs/configuration.md", config_docs_page, "--print-reference");
}

static void test_example_file_is_current(void **state)
{
    (void)state;
    assert_current("docs/penstock.example.yaml", config_docs_example, "--print-example");
}

/* In characters: in UTF-8 every byte but a continuation byte begins one. */
static size_t columns_of(const char *text, size_t size)
{
    size_t columns = 0;
    for (size_t i = 0; i < size; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

static size_t count_of(char wanted, const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += text[i] == wanted;
    return count;
}

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static void test_reference_page_is_100_columns_wide(void **state)
{
    (void)state;
    struct buf page = {0};
    size_t widest = 0, items = 0;
    bool item = false;
    config_docs_page(&page);
    for (const char *line = buf_string(&page); *line != '\0'; line += strcspn(line, "\n") + 1) {
        size_t size = strcspn(line, "\n"), columns = columns_of(line, size);
        if (columns > 100)
            fail_msg("%zu columns: %.*s", columns, (int)size, line);
        if (!begins(line, "```") && count_of('`', line, size) % 2 != 0)
            fail_msg("a code span is broken: %.*s", (int)size, line);
        if (item && size > 0 && !begins(line, "- ") && !begins(line, "  "))
            fail_msg("not indented within an item: %.*s", (int)size, line);
        item = begins(line, "- ") || (item && size > 0);
        items += begins(line, "- ");
        widest = columns > widest ? columns : widest;
    }
    assert_in_range(widest, 95, 100);
    assert_in_range(items, 2, 100);
    assert_non_null(strstr(buf_string(&page), "\n  bootstrap.servers: 127.0.0.1:9092\n"));
    buf_free(&page);
}

static void load(const char *text, struct config *config)
{
    struct errmsg msg = {""};
    assert_int_equal(config_init_defaults(config), ERR_OK);
    if (config_load_text("example", bytes_of_string(text), config, &msg) != ERR_OK ||
        config_check(config, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
}

static void test_example_file_works_as_it_is(void **state)
{
    (void)state;
    struct buf text = {0};
    struct config config;
    config_docs_example(&text);
    load(buf_string(&text), &config);
    assert_string_equal(config.spool.path, "/var/lib/penstock");
    config_free(&config);
    buf_free(&text);
}

/* "  #name: default" stands for a setting: with the mark taken away, everything is still at its
 *    default. */
static void test_example_file_shows_the_defaults(void **state)
{
    (void)state;
    struct buf text = {0}, live = {0};
    struct config config;
    size_t settings = 0;
    config_docs_example(&text);
    const char *p = buf_string(&text);
    for (; *p != '\0'; p++) {
        if (strncmp(p, "  #", 3) == 0 && islower((unsigned char)p[3]) &&
            strncmp(p + 3, "sasl", 4) != 0 && strncmp(p + 3, "security", 8) != 0) {
            buf_append_string(&live, "  ");
            p += 3;
            settings++;
        }
        buf_append_char(&live, *p);
    }
    /* path, create and http stand there uncommented */
    assert_int_equal(settings, config_key_count - 3);
    load(buf_string(&live), &config);
    struct spool_options spool = SPOOL_OPTIONS_DEFAULT;
    struct bridge_options bridge = BRIDGE_OPTIONS_DEFAULT;
    assert_int_equal(config.spool.segment_bytes, spool.segment_bytes);
    assert_int_equal(config.spool.commit_timeout_ms, spool.commit_timeout_ms);
    assert_int_equal(config.spool.event_bytes_max, spool.event_bytes_max);
    assert_int_equal(config.bridge.backoff_ms_min, bridge.backoff_ms_min);
    assert_int_equal(config.bridge.in_flight_events_max, bridge.in_flight_events_max);
    config_free(&config);
    buf_free(&text);
    buf_free(&live);
}

static void test_every_setting_lies_in_a_section_and_has_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        size_t sections = 0;
        for (size_t section = 0; section < config_section_count; section++)
            sections += config_section_of(config_keys[i].name, section);
        assert_int_equal(sections, 1);
        assert_non_null(config_keys[i].help);
        assert_true(config_keys[i].width == sizeof(bool) || config_keys[i].width == 4 ||
                    config_keys[i].width == 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_page_is_current),
        cmocka_unit_test(test_reference_page_is_100_columns_wide),
        cmocka_unit_test(test_example_file_is_current),
        cmocka_unit_test(test_example_file_works_as_it_is),
        cmocka_unit_test(test_example_file_shows_the_defaults),
        cmocka_unit_test(test_every_setting_lies_in_a_section_and_has_help),
    };
    return tsan_threads_linked ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
