/* SPDX-License-Identifier: MIT
 * test_agent_pages.c - the pages as they are rendered from figures that are known. */
#include "agent/pages/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct spool_topic_books topics[2] = {
    {"demo",
     {.accepted = 70, .delivered = 50, .pending = 15, .dead_lettered = 3, .lost = 2},
     .pending_bytes = 4711},
    {"a", {.accepted = 30, .delivered = 30}, .pending_bytes = 0},
};
static struct bridge_lane_stats lanes[1] = {
    {.topic = "demo",
     .state = BRIDGE_LANE_BACKING_OFF,
     .done_id = UINT64_MAX,
     .in_flight = 4,
     .failures = 9,
     .last_error = "say \"no\""},
};

static struct agent_snapshot make(void)
{
    struct agent_snapshot s = {
        .has_spool = true,
        .has_bridge = true,
        .spool_id = "f525f3cc-5424-462f-b81f-1c07f14cbb33",
        .accepts = ERR_OK,
        .topics = topics,
        .topic_count = 2,
        .lanes = lanes,
        .lane_count = 1,
        .uptime_ms = 3723000,
        .now_ms = 1700000005000,
    };
    s.spool.books = (struct spool_books){100, 80, 15, 3, 2};
    s.spool.used_bytes = 3 << 20;
    s.spool.free_bytes = 10ull << 30;
    s.spool.segment_count = 2;
    s.spool.last_event_id = 1882649183379279397;
    s.spool.commits = 6;
    s.spool.commit_us_sum = 1500000;
    s.spool.sync_us_histogram[0] = 1;
    s.spool.sync_us_histogram[3] = 2;
    s.spool.sync_us_histogram[15] = 3;
    s.bridge.connected = true;
    s.bridge.oldest_pending_ms = 1700000000000;
    s.bridge.in_flight_events = 4;
    s.ingest.requests_by_status[200] = 12;
    s.ingest.requests_by_status[503] = 1;
    s.process.resident_bytes = 12345678;
    s.process.cpu_us = 2500000;
    return s;
}

static const char *rendered(void (*render)(const struct agent_snapshot *, struct buf *),
                            const struct agent_snapshot *s)
{
    static struct buf out;
    buf_clear(&out);
    render(s, &out);
    return buf_string(&out);
}

static void assert_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no %s in:\n%s", part, text);
}

static void test_a_topic_refused_alone_shows_everywhere(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    topics[0].refused = true;
    assert_holds(rendered(agent_status_render, &s), "\"pending_bytes\":4711,\"refused\":true}");
    assert_holds(rendered(agent_metrics_render, &s),
                 "\npenstock_topic_refused{topic=\"demo\"} 1\n");
    assert_holds(rendered(agent_status_text_render, &s),
                 "NEW ONES REFUSED: more than bridge.topic_share");
    topics[0].refused = false;
}

static void test_status_has_the_books_on_top_and_by_topic(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    const char *text = rendered(agent_status_render, &s);
    static const char beginning[] =
        "{\"accepted\":100,\"delivered\":80,\"pending\":15,\"dead_lettered\":3,"
        "\"lost\":2,\"counting\":false,\"ready\":true";
    assert_int_equal(strncmp(text, beginning, sizeof beginning - 1), 0);
    assert_holds(text, "\"topics\":{\"demo\":{\"accepted\":70,\"delivered\":50,\"pending\":15,"
                       "\"dead_lettered\":3,\"lost\":2,\"pending_bytes\":4711,\"refused\":false},"
                       "\"a\":{\"accepted\":30,\"delivered\":30,\"pending\":0,\"dead_lettered\":0,"
                       "\"lost\":0,\"pending_bytes\":0,\"refused\":false}}");
    assert_holds(text, "\"oldest_pending_age_ms\":5000");
    assert_holds(text, "\"uptime_ms\":3723000");
}

/* Ids pass 2^53; a number in JSON would lose their last digits. */
static void test_status_has_ids_as_texts(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    const char *text = rendered(agent_status_render, &s);
    assert_holds(text, "\"last_event_id\":\"1882649183379279397\"");
    assert_holds(text, "\"done_id\":\"18446744073709551615\"");
    assert_holds(text, "\"last_error\":\"say \\\"no\\\"\"");
}

static void test_status_says_why_events_are_refused(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    s.accepts = ERR_FULL;
    s.accepts_why = (struct errmsg){"the \"disk\" is full"};
    s.spool.counting = true;
    const char *text = rendered(agent_status_render, &s);
    assert_holds(text, "\"counting\":true,\"ready\":false,\"reason\":\"the \\\"disk\\\" is full\"");
    assert_holds(rendered(agent_status_text_render, &s), "REFUSING: the \"disk\" is full");
    assert_holds(rendered(agent_metrics_render, &s), "\npenstock_ready 0");
}

static void test_warnings_are_a_list_and_a_line_for_people(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    assert_holds(rendered(agent_status_render, &s), "\"warnings\":[],");
    assert_null(strstr(rendered(agent_status_text_render, &s), "WARNING"));
    strcpy(s.warning, "the \"spool\" is on tmpfs");
    assert_holds(rendered(agent_status_render, &s),
                 "\"warnings\":[\"the \\\"spool\\\" is on tmpfs\"],");
    assert_holds(rendered(agent_status_text_render, &s), "\nWARNING   the \"spool\" is on tmpfs\n");
}

static void test_oldest_age_is_never_negative(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    s.bridge.oldest_pending_ms = s.now_ms + 1000; /* a clock was set back */
    assert_int_equal(agent_snapshot_oldest_age_ms(&s), 0);
    s.bridge.oldest_pending_ms = 0;
    assert_int_equal(agent_snapshot_oldest_age_ms(&s), 0);
}

static void test_table_for_people_has_topics_in_order(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    static const char wanted[] =
        "ingest    accepting; 0 connections\n"
        "kafka     connected; 4 events in flight; the oldest pending event is 5.0 s old\n"
        "\n"
        "events           accepted      delivered        pending  dead-lettered       lost\n"
        "all topics            100             80             15              3          2\n"
        "a                      30             30              0              0          0\n"
        "demo                   70             50             15              3          2  say "
        "\"no\"\n";
    const char *text = rendered(agent_status_text_render, &s);
    assert_holds(text, "up 1 h 2 min\n");
    assert_holds(text, "spool     f525f3cc-5424-462f-b81f-1c07f14cbb33, 3.0 MiB in 2 segments, "
                       "10.0 GiB free on disk\n");
    assert_string_equal(strstr(text, "ingest "), wanted);
}

static void test_table_tells_that_there_is_no_spool(void **state)
{
    (void)state;
    struct agent_snapshot s = {.accepts = ERR_UNAVAILABLE, .accepts_why = {"starting"}};
    assert_holds(rendered(agent_status_text_render, &s), "NOT OPEN: starting");
    assert_holds(rendered(agent_status_render, &s), "\"ready\":false,\"reason\":\"starting\"");
}

static void test_metrics_show_figures_with_their_labels(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    const char *text = rendered(agent_metrics_render, &s);
    assert_holds(text, "\npenstock_events_accepted_total 100\n");
    assert_holds(text, "\npenstock_events_pending 15\n");
    assert_holds(text, "\npenstock_topic_delivered_total{topic=\"demo\"} 50\n");
    assert_holds(text, "\npenstock_topic_pending_bytes{topic=\"demo\"} 4711\n");
    assert_holds(
        text,
        "\npenstock_topic_refused{topic=\"demo\"} 0\npenstock_topic_refused{topic=\"a\"} 0\n");
    assert_holds(text, "\npenstock_ingest_responses_total{code=\"503\"} 1\n");
    assert_holds(text, "\npenstock_oldest_pending_age_seconds 5.000\n");
    assert_holds(text, "\npenstock_process_resident_memory_bytes 12345678\n");
    assert_holds(text, "\npenstock_process_cpu_seconds_total 2.500000\n");
    assert_holds(text, "\npenstock_lane_behind{topic=\"demo\"} 1\n");
}

static void test_commit_histogram_is_cumulative_in_seconds(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    const char *text = rendered(agent_metrics_render, &s);
    assert_holds(text, "_duration_seconds_bucket{le=\"0.000064\"} 1\n");
    assert_holds(text, "_duration_seconds_bucket{le=\"0.000256\"} 1\n");
    assert_holds(text, "_duration_seconds_bucket{le=\"0.000512\"} 3\n");
    assert_holds(text, "_duration_seconds_bucket{le=\"1.048576\"} 3\n");
    assert_holds(text, "_duration_seconds_bucket{le=\"+Inf\"} 6\n");
    assert_holds(text, "_duration_seconds_sum 1.500000\n");
    assert_holds(text, "_duration_seconds_count 6\n");
}

static bool ends_with(const char *name, size_t size, const char *end)
{
    size_t end_size = strlen(end);
    return size >= end_size && memcmp(name + size - end_size, end, end_size) == 0;
}

/* Prometheus' text format: HELP and TYPE once per family and before its samples; counters end in
 * _total. */
static void test_metrics_keep_the_rules_of_their_format(void **state)
{
    (void)state;
    struct agent_snapshot s = make();
    const char *text = rendered(agent_metrics_render, &s);
    char family[128] = "", type[32] = "", helped[128] = "";
    size_t samples = 0;
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        char name[128];
        if (sscanf(line, "# HELP %127s", name) == 1) {
            memcpy(helped, name, sizeof helped);
            continue;
        }
        if (sscanf(line, "# TYPE %127s %31s", name, type) == 2) {
            assert_string_equal(name, helped);
            memcpy(family, name, sizeof family);
            assert_int_equal(strncmp(family, "penstock_", 9), 0);
            assert_int_equal(ends_with(family, strlen(family), "_total"),
                             strcmp(type, "counter") == 0);
            char once[160];
            snprintf(once, sizeof once, "# TYPE %s ", name);
            assert_null(strstr(line + 1, once));
            continue;
        }
        size_t size = strcspn(line, "{ ");
        bool histogram = strcmp(type, "histogram") == 0;
        assert_int_equal(strncmp(line, family, strlen(family)), 0);
        assert_true(histogram ? size > strlen(family) : size == strlen(family));
        const char *value = line + strcspn(line, "\n");
        while (value[-1] != ' ')
            value--;
        char *end;
        (void)strtod(value, &end);
        assert_int_equal(*end, '\n');
        samples++;
    }
    assert_true(samples > 60);
}

static void test_ready_page_is_503_until_there_is_a_spool(void **state)
{
    (void)state;
    struct agent_state agent = {0};
    struct buf body = {0};
    const char *type = NULL;
    pthread_rwlock_init(&agent.lock, NULL);
    assert_int_equal(agent_page_ready(&agent, &body, &type), 503);
    assert_string_equal(buf_string(&body), "{\"ready\":false,\"reason\":\"starting\"}\n");
    assert_string_equal(type, "application/json");
    buf_clear(&body);
    agent.away = (struct errmsg){"not \"mounted\""};
    assert_int_equal(agent_page_ready(&agent, &body, &type), 503);
    assert_string_equal(buf_string(&body),
                        "{\"ready\":false,\"reason\":\"not \\\"mounted\\\"\"}\n");
    buf_clear(&body);
    assert_int_equal(agent_page_metrics(&agent, &body, &type), 200);
    assert_holds(buf_string(&body), "\npenstock_spool_missing 1");
    buf_clear(&body);
    assert_int_equal(agent_page_health(&agent, &body, &type), 200);
    assert_int_equal(agent_page_metrics(&agent, &body, &type), 200);
    assert_int_equal(agent_page_status(&agent, &body, &type), 200);
    buf_free(&body);
    pthread_rwlock_destroy(&agent.lock);
}

static void test_process_figures_are_those_of_this_process(void **state)
{
    (void)state;
    struct agent_process process;
    agent_process_get(&process);
    assert_true(process.resident_bytes > 100000);
    assert_true(process.resident_bytes_max >= process.resident_bytes / 2);
    assert_true(process.open_descriptors >= 3 && process.open_descriptors < 1000);
    assert_true(process.descriptors_max >= process.open_descriptors);
    assert_true(process.threads >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_topic_refused_alone_shows_everywhere),
        cmocka_unit_test(test_status_has_the_books_on_top_and_by_topic),
        cmocka_unit_test(test_status_has_ids_as_texts),
        cmocka_unit_test(test_status_says_why_events_are_refused),
        cmocka_unit_test(test_warnings_are_a_list_and_a_line_for_people),
        cmocka_unit_test(test_oldest_age_is_never_negative),
        cmocka_unit_test(test_table_for_people_has_topics_in_order),
        cmocka_unit_test(test_table_tells_that_there_is_no_spool),
        cmocka_unit_test(test_metrics_show_figures_with_their_labels),
        cmocka_unit_test(test_commit_histogram_is_cumulative_in_seconds),
        cmocka_unit_test(test_metrics_keep_the_rules_of_their_format),
        cmocka_unit_test(test_ready_page_is_503_until_there_is_a_spool),
        cmocka_unit_test(test_process_figures_are_those_of_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
