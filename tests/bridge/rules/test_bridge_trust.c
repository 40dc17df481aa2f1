/* SPDX-License-Identifier: MIT
 * test_bridge_trust.c - which cursor counts, in each situation that the design names. */
#include "bridge/client/advice.h"
#include "bridge/rules/cursor_trust.h"

#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define KAFKA(id) .found = true, .readable = true, .same_cluster = true, .kafka_id = (id)
#define LOCAL(id) .local_written = true, .local_id = (id)

static void test_each_situation_has_its_answer(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct bridge_cursor_trust_view view;
        enum bridge_cursor_trust trust;
    } cases[] = {
        {"a new spool", {.local_id = 0}, BRIDGE_CURSOR_TRUST_LOCAL},
        {"a clean stop", {KAFKA(500), LOCAL(500), .segment_ours = true}, BRIDGE_CURSOR_TRUST_KAFKA},
        {"killed behind a commit",
         {KAFKA(900), LOCAL(500), .segment_ours = true},
         BRIDGE_CURSOR_TRUST_KAFKA},
        {"the cursors file was damaged",
         {KAFKA(900), .segment_ours = true},
         BRIDGE_CURSOR_TRUST_KAFKA},
        {"drained, its segments retired",
         {KAFKA(900), LOCAL(1000), .before_all = true},
         BRIDGE_CURSOR_TRUST_KAFKA},
        {"segments deleted",
         {KAFKA(900), LOCAL(500), .before_all = true},
         BRIDGE_CURSOR_TRUST_KAFKA},
        {"restored from an old backup", {KAFKA(900), LOCAL(500)}, BRIDGE_CURSOR_TRUST_NOBODY},
        {"a copy, whose twin went on", {KAFKA(900), LOCAL(500)}, BRIDGE_CURSOR_TRUST_NOBODY},
        {"segments and cursors deleted, and the clock went back",
         {KAFKA(900)},
         BRIDGE_CURSOR_TRUST_NOBODY},
        {"at_least_once ran in between",
         {KAFKA(300), LOCAL(900), .local_newer = true},
         BRIDGE_CURSOR_TRUST_LOCAL},
        {"at_least_once from the start",
         {LOCAL(900), .local_newer = true},
         BRIDGE_CURSOR_TRUST_LOCAL},
        {"the offset expired", {LOCAL(900)}, BRIDGE_CURSOR_TRUST_EXPIRED},
        {"another cluster",
         {.found = true, .readable = true, .kafka_id = 100, LOCAL(900)},
         BRIDGE_CURSOR_TRUST_EXPIRED},
        {"somebody set the offset by hand, ahead",
         {.found = true, .same_cluster = true, .kafka_id = 900, LOCAL(500), .before_all = true},
         BRIDGE_CURSOR_TRUST_NOBODY},
        {"somebody set the offset by hand, back",
         {.found = true, .same_cluster = true, .kafka_id = 1, LOCAL(500)},
         BRIDGE_CURSOR_TRUST_LOCAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (bridge_cursor_trust_of(&cases[i].view) != cases[i].trust)
            fail_msg("%s: %s", cases[i].what,
                     bridge_cursor_trust_name(bridge_cursor_trust_of(&cases[i].view)));
}

static void test_missing_rights_name_what_to_grant(void **state)
{
    (void)state;
    static const struct {
        enum bridge_step step;
        int code;
        const char *part;
    } cases[] = {
        {BRIDGE_STEP_INIT, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
         "--operation Write --operation Describe --transactional-id G"},
        {BRIDGE_STEP_READ, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
         "--operation Read --group G"},
        {BRIDGE_STEP_OFFSETS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
         "--operation Read --topic T"},
        {BRIDGE_STEP_TOPIC, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
         "kafka-topics --create --topic T --partitions 1"},
        {BRIDGE_STEP_INIT, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
         "transaction.max.timeout.ms"},
        {BRIDGE_STEP_INIT, RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
         "bridge.delivery: at_least_once"},
    };
    char text[400];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bridge_advice(cases[i].step, cases[i].code, "G", "T", text, sizeof text);
        if (strstr(text, cases[i].part) == NULL)
            fail_msg("'%s' doesn't tell '%s'", text, cases[i].part);
    }
    bridge_advice(BRIDGE_STEP_INIT, RD_KAFKA_RESP_ERR__TIMED_OUT, "G", "T", text, sizeof text);
    assert_string_equal(text, "");
    char small[8];
    bridge_advice(BRIDGE_STEP_INIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "GGGGGGGGGG", "T",
                  small, sizeof small);
    assert_true(strlen(small) < sizeof small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_situation_has_its_answer),
        cmocka_unit_test(test_missing_rights_name_what_to_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
