/* SPDX-License-Identifier: MIT
 * test_config_load.c - what good files turn into; values from the environment and from files; the
 * command line. */
#include "config/config_apply.h"
#include "tests/support/tsan_threads.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static int make_config(void **state)
{
    *state = calloc(1, sizeof(struct config));
    return config_init_defaults(*state) == ERR_OK ? 0 : -1;
}

static int drop_config(void **state)
{
    config_free(*state);
    free(*state);
    return 0;
}

static void load(struct config *config, const char *text)
{
    struct errmsg msg = {""};
    if (config_load_text("t.yaml", bytes_of_string(text), config, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
}

static const struct bridge_property *property(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->bridge.property_count; i++)
        if (strcmp(config->bridge.properties[i].name, name) == 0)
            return &config->bridge.properties[i];
    fail_msg("no property %s", name);
    return NULL;
}

/* The example that the project's users see first. */
static void test_file_with_every_section_is_taken(void **state)
{
    struct config *config = *state;
    load(config, "spool:\n"
                 "  path: /var/lib/penstock\n"
                 "  create: true\n"
                 "  segment_size: 32MiB\n"
                 "  max_size: 10GiB\n"
                 "  min_free: 256MiB\n"
                 "listen:\n"
                 "  http: [\"127.0.0.1:8080\", \"[::1]:8080\", \"unix:/run/penstock/http.sock\"]\n"
                 "kafka:                       # librdkafka properties\n"
                 "  bootstrap.servers: 127.0.0.1:9092\n"
                 "bridge:\n"
                 "  delivery: at_least_once\n");
    assert_string_equal(config->spool.path, "/var/lib/penstock");
    assert_true(config->spool.create);
    assert_int_equal(config->spool.segment_bytes, 32 << 20);
    assert_int_equal(config->spool.size_bytes_max, 10ull << 30);
    assert_int_equal(config->spool.free_bytes_min, 256 << 20);
    assert_int_equal(config->ingest.http_count, 3);
    assert_string_equal(config->ingest.http[0], "127.0.0.1:8080");
    assert_string_equal(config->ingest.http[1], "[::1]:8080");
    assert_string_equal(config->ingest.http[2], "unix:/run/penstock/http.sock");
    assert_int_equal(config->bridge.property_count, 1);
    assert_string_equal(property(config, "bootstrap.servers")->value, "127.0.0.1:9092");
    assert_false(property(config, "bootstrap.servers")->secret);
    assert_int_equal(config->bridge.delivery, BRIDGE_AT_LEAST_ONCE);
    struct errmsg msg = {""};
    assert_int_equal(config_check(config, &msg), ERR_OK);
}

static void test_every_setting_reaches_its_field(void **state)
{
    struct config *config = *state;
    load(config,
         "spool: {path: /a, create: true, segment_size: 8MiB, max_size: 1GiB, min_free: 1MiB, "
         "max_event_size: "
         "2MB,\n"
         "  max_queued: 100MiB, window: 1MiB, commit_timeout: 7s, cursor_interval: 200ms,\n"
         "  require_mount: /mnt, mount_wait: 90s, id: 0b4e1f5c-6ad1-4d1c-9d0a-6d4a2f1f9a51}\n"
         "listen: {http: [\"127.0.0.1:1\"], allow_remote: true, socket_mode: 0600, socket_group: "
         "g, max_body: "
         "1MiB,\n"
         "  max_in_flight: 2MiB, max_connections: 9, request_timeout: 3s, idle_timeout: 4s, "
         "threads: 2}\n"
         "topics: {max: 5, allow: [a, b.c]}\n"
         "bridge: {delivery: at_least_once, id_header: true, in_flight_bytes: 3MiB, "
         "in_flight_events: 11,\n"
         "  backoff_min: 1s, backoff_max: 2s}\n"
         "log: {level: warn}\n");
    assert_int_equal(config->spool.segment_bytes, 8 << 20);
    assert_int_equal(config->spool.size_bytes_max, 1 << 30);
    assert_int_equal(config->spool.free_bytes_min, 1 << 20);
    assert_int_equal(config->spool.event_bytes_max, 2000000);
    assert_int_equal(config->spool.queued_bytes_max, 100 << 20);
    assert_int_equal(config->spool.window_bytes_max, 1 << 20);
    assert_int_equal(config->spool.commit_timeout_ms, 7000);
    assert_int_equal(config->ingest.commit_timeout_ms, 7000); /* one setting, two places */
    assert_int_equal(config->spool.cursor_interval_ms, 200);
    assert_string_equal(config->spool.require_mount, "/mnt");
    assert_int_equal(config->mount_wait_ms, 90000);
    assert_string_equal(config->spool.id, "0b4e1f5c-6ad1-4d1c-9d0a-6d4a2f1f9a51");
    assert_int_equal(config->spool.topics_max, 5);
    assert_int_equal(config->ingest.http_count, 1);
    assert_true(config->ingest.allow_remote);
    assert_int_equal(config->ingest.socket_mode, 0600);
    assert_string_equal(config->ingest.socket_group, "g");
    assert_int_equal(config->ingest.body_bytes_max, 1 << 20);
    assert_int_equal(config->ingest.in_flight_bytes_max, 2 << 20);
    assert_int_equal(config->ingest.connections_max, 9);
    assert_int_equal(config->ingest.request_timeout_ms, 3000);
    assert_int_equal(config->ingest.idle_timeout_ms, 4000);
    assert_int_equal(config->ingest.threads, 2);
    assert_int_equal(config->ingest.topics_allow_count, 2);
    assert_string_equal(config->ingest.topics_allow[1], "b.c");
    assert_true(config->bridge.id_header);
    assert_int_equal(config->bridge.in_flight_bytes_max, 3 << 20);
    assert_int_equal(config->bridge.in_flight_events_max, 11);
    assert_int_equal(config->bridge.backoff_ms_min, 1000);
    assert_int_equal(config->bridge.backoff_ms_max, 2000);
    assert_int_equal(config->log_level, LOG_LEVEL_WARN);
}

/* The modules' headers and the table say the same. */
static void test_defaults_are_those_of_the_modules(void **state)
{
    struct config *config = *state;
    const struct config modules = {
        .spool = SPOOL_OPTIONS_DEFAULT,
        .ingest = INGEST_OPTIONS_DEFAULT,
        .bridge = BRIDGE_OPTIONS_DEFAULT,
        .log_level = LOG_LEVEL_INFO,
    };
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->type == CONFIG_STRING || key->type == CONFIG_LIST)
            continue;
        uint64_t wanted = config_apply_number(&modules, key),
                 got = config_apply_number(config, key);
        if (got != wanted)
            fail_msg("%s: the table says %" PRIu64 ", the module %" PRIu64, key->name, got, wanted);
    }
    assert_int_equal(config->ingest.http_count, 1);
    assert_string_equal(config->ingest.http[0], "127.0.0.1:8080");
    assert_null(config->spool.path);
    assert_string_equal(config->spool.require_mount, "auto");
    assert_null(config->spool.id);
    assert_int_equal(config->mount_wait_ms, 0); /* for ever */
    assert_null(config->ingest.socket_group);
    assert_int_equal(config->ingest.topics_allow_count, 0);
    assert_int_equal(config->bridge.property_count, 0);
}

static void test_empty_files_change_nothing(void **state)
{
    struct config *config = *state;
    static const char *const texts[] = {"",           "\n\n", "# nothing\n",     "---\n",
                                        "---\n...\n", "~\n",  "spool:\nkafka:\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        load(config, texts[i]);
    test_defaults_are_those_of_the_modules(state);
}

static void test_dotted_names_are_the_same_settings(void **state)
{
    struct config *config = *state;
    load(config, "spool.path: /x\nkafka.bootstrap.servers: b\n");
    assert_string_equal(config->spool.path, "/x");
    assert_string_equal(property(config, "bootstrap.servers")->value, "b");
}

static void test_quotes_do_not_matter_for_numbers(void **state)
{
    struct config *config = *state;
    load(config, "spool: {segment_size: \"8MiB\", create: 'true', path: '123'}");
    assert_int_equal(config->spool.segment_bytes, 8 << 20);
    assert_true(config->spool.create);
    assert_string_equal(config->spool.path, "123");
}

static void test_ends_of_ranges_belong_to_them(void **state)
{
    struct config *config = *state;
    load(config, "spool: {segment_size: 1GiB}\nlisten: {threads: 64}\ntopics: {max: 1}");
    assert_int_equal(config->spool.segment_bytes, 1 << 30);
    assert_int_equal(config->ingest.threads, 64);
    load(config, "spool: {segment_size: 4MiB}\nlisten: {threads: 1}\ntopics: {max: 1000}");
    assert_int_equal(config->spool.segment_bytes, 4 << 20);
    assert_int_equal(config->spool.topics_max, 1000);
}

static void test_second_file_replaces_lists_and_texts(void **state)
{
    struct config *config = *state;
    load(config, "spool: {path: /a}\ntopics: {allow: [a, b]}\nkafka: {client.id: x}");
    load(config, "spool: {path: /b}\ntopics: {allow: []}");
    assert_string_equal(config->spool.path, "/b");
    assert_int_equal(config->ingest.topics_allow_count, 0);
    assert_int_equal(config->bridge.property_count, 0);
}

static void test_environment_is_filled_in_anywhere(void **state)
{
    struct config *config = *state;
    setenv("PENSTOCK_TEST_DIR", "data", 1);
    setenv("PENSTOCK_TEST_SIZE", "8MiB", 1);
    setenv("PENSTOCK_TEST_EMPTY", "", 1);
    load(config, "spool:\n  path: /var/${PENSTOCK_TEST_DIR}/${PENSTOCK_TEST_EMPTY}x$${NOT}$y\n  "
                 "segment_size: "
                 "${PENSTOCK_TEST_SIZE}\n"
                 "topics: {allow: ['${PENSTOCK_TEST_DIR}']}\n"
                 "kafka: {client.id: '${PENSTOCK_TEST_DIR}', sasl.password: plain}\n");
    assert_string_equal(config->spool.path, "/var/data/x${NOT}$y");
    assert_int_equal(config->spool.segment_bytes, 8 << 20);
    assert_string_equal(config->ingest.topics_allow[0], "data");
    assert_string_equal(property(config, "client.id")->value, "data");
    assert_true(property(config, "client.id")->secret); /* it may be one: it isn't in the file */
    assert_true(property(config, "sasl.password")->secret);
}

static void test_file_of_a_secret_loses_its_last_newline_only(void **state)
{
    struct config *config = *state;
    char path[] = "/tmp/penstock-secret-XXXXXX", text[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "pass\nword\n\n", 11), 11);
    close(fd);
    snprintf(text, sizeof text, "kafka:\n  sasl.password: file:%s\n", path);
    load(config, text);
    assert_string_equal(property(config, "sasl.password")->value, "pass\nword\n");
    assert_true(property(config, "sasl.password")->secret);
    setenv("PENSTOCK_TEST_FILE", path, 1);
    load(config, "kafka: {client.id: 'file:${PENSTOCK_TEST_FILE}'}");
    assert_string_equal(property(config, "client.id")->value, "pass\nword\n");
    unlink(path);
}

static void test_settings_from_outside_replace_those_of_the_file(void **state)
{
    struct config *config = *state;
    struct errmsg msg = {""};
    load(config, "spool: {path: /a}\nlisten: {http: [\"127.0.0.1:1\", \"127.0.0.1:2\"]}\n");
    assert_int_equal(config_set(config, "spool.path", (const char *const[]){"/b"}, 1, &msg),
                     ERR_OK);
    assert_int_equal(
        config_set(config, "listen.http", (const char *const[]){"127.0.0.1:3"}, 1, &msg), ERR_OK);
    assert_int_equal(config_set(config, "log.level", (const char *const[]){"debug"}, 1, &msg),
                     ERR_OK);
    assert_string_equal(config->spool.path, "/b");
    assert_int_equal(config->ingest.http_count, 1);
    assert_string_equal(config->ingest.http[0], "127.0.0.1:3");
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(config_set(config, "log.level", (const char *const[]){"loud"}, 1, &msg),
                     ERR_INVALID);
    assert_string_equal(msg.text, "'loud': log.level takes debug, info, warn, error");
    assert_int_equal(config_set(config, "log.leven", (const char *const[]){"info"}, 1, &msg),
                     ERR_INVALID);
}

static void test_file_is_read_from_disk(void **state)
{
    struct config *config = *state;
    struct errmsg msg = {""};
    char path[] = "/tmp/penstock-config-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "spool: {path: /q}\n", 18), 18);
    assert_int_equal(config_load(path, config, &msg), ERR_OK);
    assert_string_equal(config->spool.path, "/q");
    close(fd);
    unlink(path);
    assert_int_equal(config_load(path, config, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, path));
    assert_int_equal(config_load("/tmp", config, &msg), ERR_IO);
    assert_string_equal(msg.text, "read '/tmp': it is a directory");
}

static void test_file_beyond_its_size_is_refused(void **state)
{
    struct config *config = *state;
    struct errmsg msg = {""};
    size_t size = (1 << 20) + 1;
    char *text = malloc(size);
    memset(text, '#', size);
    assert_int_equal(config_load_text("t.yaml", bytes_of(text, size - 1), config, &msg), ERR_OK);
    assert_int_equal(config_load_text("t.yaml", bytes_of(text, size), config, &msg), ERR_TOO_LARGE);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_config, drop_config)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_file_with_every_section_is_taken),
        TEST(test_every_setting_reaches_its_field),
        TEST(test_defaults_are_those_of_the_modules),
        TEST(test_empty_files_change_nothing),
        TEST(test_dotted_names_are_the_same_settings),
        TEST(test_quotes_do_not_matter_for_numbers),
        TEST(test_ends_of_ranges_belong_to_them),
        TEST(test_second_file_replaces_lists_and_texts),
        TEST(test_environment_is_filled_in_anywhere),
        TEST(test_file_of_a_secret_loses_its_last_newline_only),
        TEST(test_settings_from_outside_replace_those_of_the_file),
        TEST(test_file_is_read_from_disk),
        TEST(test_file_beyond_its_size_is_refused),
    };
    return tsan_threads_linked ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
