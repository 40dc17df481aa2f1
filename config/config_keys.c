/* SPDX-License-Identifier: MIT
 * config_keys.c - one row a setting: name, type, default, range, help, and where it goes. */
#include "config/config_keys.h"

#include "base/random.h"
#include "spool/spool_event.h"

#define KIB    (1ull << 10)
#define MIB    (1ull << 20)
#define GIB    (1ull << 30)
#define TIB    (1ull << 40)
#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

#define AT(member)                                                                                 \
    .offset = offsetof(struct config, member), .width = sizeof(((struct config *)0)->member)
#define ALSO(member)    .also_offset = offsetof(struct config, member)
#define COUNTED(member) .count_offset = offsetof(struct config, member)

static const char *topic_wrong(const char *item)
{
    return spool_topic_name_valid(bytes_of_string(item))
               ? NULL
               : "not a topic name: 1 to 249 of a-z A-Z 0-9 . _ -";
}

static const char *mount_wrong(const char *text)
{
    bool ok = strcmp(text, "auto") == 0 || strcmp(text, "off") == 0 || text[0] == '/';
    return ok ? NULL : "spool.require_mount takes auto, off, or the absolute path of a mount point";
}

static const char *id_wrong(const char *text)
{
    uint8_t uuid[16];
    return uuid_parse(text, uuid) == 0
               ? NULL
               : "not a spool's id like 0b4e1f5c-6ad1-4d1c-9d0a-6d4a2f1f9a51";
}

static const struct config_choice delivery_choices[] = {
    {"exactly_once", BRIDGE_EXACTLY_ONCE, NULL},
    {"at_least_once", BRIDGE_AT_LEAST_ONCE, NULL},
    {NULL, 0, NULL},
};

static const struct config_choice level_choices[] = {
    {"debug", LOG_LEVEL_DEBUG, NULL},
    {"info", LOG_LEVEL_INFO, NULL},
    {"warn", LOG_LEVEL_WARN, NULL},
    {"error", LOG_LEVEL_ERROR, NULL},
    {NULL, 0, NULL},
};

const struct config_section config_sections[] = {
    {"spool", "The queue on disk. An event counts as accepted once it is synced there."},
    {"quarantine", "Damaged segments, kept as they were found."},
    {"dead_letter",
     "Events that Kafka can never take, kept for people to look at: `penstock dead-letter`."},
    {"listen", "Where programs hand in their events, and the limits of that."},
    {"topics", "Which topics events may be for."},
    {CONFIG_KAFKA, "Properties of librdkafka, the Kafka client, under their own names."},
    {"bridge", "From the spool into Kafka."},
    {"log", "What is written to stderr."},
};
const size_t config_section_count = sizeof config_sections / sizeof config_sections[0];

const struct config_key config_keys[] = {
    {.name = "spool.path",
     .type = CONFIG_STRING,
     AT(spool.path),
     .required = true,
     .example = "/var/lib/penstock",
     .help = "The directory of the spool. One agent at a time can use it."},
    {.name = "spool.create",
     .type = CONFIG_BOOL,
     .fallback = "false",
     AT(spool.create),
     .example = "true",
     .help = "Make a new spool when there is none at `spool.path` and its mounts are there. Only "
             "at the start: an agent "
             "that has had its spool never makes another. Without it a spool is made by `penstock "
             "init`, and a path "
             "without one is waited for: events get 503 until it is there."},
    {.name = "spool.require_mount",
     .type = CONFIG_STRING,
     .fallback = "auto",
     .item_wrong = mount_wrong,
     AT(spool.require_mount),
     .help = "What must be mounted before the spool is opened or made. `auto`: every mount point "
             "at or above "
             "`spool.path` that /etc/fstab names (but for `noauto`); the path of a mount point; or "
             "`off`. It is waited "
             "for: events get 503 until it is there."},
    {.name = "spool.mount_wait",
     .type = CONFIG_DURATION,
     .min = 1,
     .max = 365 * 24 * HOUR,
     AT(mount_wait_ms),
     .sample = "5m",
     .help = "How long `penstock run` waits at its start for the spool and its mounts before it "
             "gives up with exit "
             "code 1. Without it: for ever."},
    {.name = "spool.id",
     .type = CONFIG_STRING,
     .item_wrong = id_wrong,
     AT(spool.id),
     .sample = "0b4e1f5c-6ad1-4d1c-9d0a-6d4a2f1f9a51",
     .help = "Only the spool with this id is used (`penstock init` prints it); another one at "
             "`spool.path` is refused, "
             "and none is made."},
    {.name = "spool.segment_size",
     .type = CONFIG_SIZE,
     .fallback = "32MiB",
     .min = SPOOL_SEGMENT_BYTES_MIN,
     .max = SPOOL_SEGMENT_BYTES_MAX,
     AT(spool.segment_bytes),
     .help = "A segment of the spool ends when it passes this. Space is given back by whole "
             "segments, and memory "
             "grows "
             "with it: the segment being written is held in memory too."},
    {.name = "spool.max_size",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "10GiB",
     .min = 16 * MIB,
     .max = 1024 * TIB,
     AT(spool.size_bytes_max),
     .help = "Everything below `spool.path` counts. Beyond it new events are refused with 503 "
             "until Kafka has taken "
             "some. At least four segments."},
    {.name = "spool.min_free",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "256MiB",
     .max = 1024 * TIB,
     AT(spool.free_bytes_min),
     .help = "Space on the filesystem that stays free: below it new events are refused with 503. "
             "Two segments "
             "stay free "
             "even when this is less."},
    {.name = "spool.max_event_size",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "1000000",
     .min = 1,
     .max = SPOOL_EVENT_BYTES_LIMIT,
     AT(spool.event_bytes_max),
     .help = "Key, value and headers of one event together; a larger one is refused with 413. "
             "Kafka must take "
             "events of "
             "this size too (`message.max.bytes` of the brokers and in `kafka`). At most half a "
             "segment."},
    {.name = "spool.max_queued",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "48MiB",
     .min = 1 * MIB,
     .max = 16 * GIB,
     AT(spool.queued_bytes_max),
     .help = "Events in memory that wait for their sync; beyond it new ones are refused with 503. "
             "At least "
             "`listen.max_body`."},
    {.name = "spool.window",
     .type = CONFIG_SIZE,
     .fallback = "8MiB",
     .min = 64 * KIB,
     .max = 4 * GIB,
     AT(spool.window_bytes_max),
     .help = "Events kept in memory after their sync, so that the bridge needn't read the disk "
             "while it keeps up."},
    {.name = "spool.commit_timeout",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "10s",
     .min = 100,
     .max = 1 * HOUR,
     AT(spool.commit_timeout_ms),
     ALSO(ingest.commit_timeout_ms),
     .help = "How long a sync may take. A request that waits longer gets 503, which then means: "
             "unknown whether "
             "stored; "
             "the agent is not ready while a sync hangs."},
    {.name = "spool.cursor_interval",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "1s",
     .min = 10,
     .max = 1 * HOUR,
     AT(spool.cursor_interval_ms),
     .help = "What Kafka has acknowledged is written down at most this often. After a crash about "
             "this much is "
             "sent again."},

    {.name = "quarantine.max_age",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "30d",
     .max = 10 * 365 * 24 * HOUR,
     AT(spool.quarantine_ms_max),
     .help = "How long a damaged segment is kept, once what is intact in it has been delivered. "
             "Its loss report stays."},
    {.name = "quarantine.max_size",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "1GiB",
     .max = 1024 * TIB,
     AT(spool.quarantine_bytes_max),
     .help = "Damaged segments are kept up to this size together; beyond it, and when space for "
             "new events gets short, "
             "the oldest go first."},

    {.name = "dead_letter.max_size",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "256MiB",
     .max = 1024 * TIB,
     AT(spool.letters_bytes_max),
     .help = "Room for dead letters. When it is full nothing is dropped: topics with further ones "
             "wait until some are requeued "
             "or dropped (`penstock dead-letter`), and the others go on."},
    {.name = "dead_letter.topic",
     .type = CONFIG_STRING,
     .item_wrong = topic_wrong,
     AT(bridge.letters_topic),
     .sample = "dead-letters",
     .help = "A copy of each dead letter also goes to this topic: key, value and headers of the "
             "event, and headers that tell what it "
             "is (`penstock-topic`, `penstock-partition` if one was asked for, `penstock-id`, "
             "`penstock-time`, `penstock-error`, "
             "`penstock-reason`). A value that the topic doesn't take is left out, and "
             "`penstock-omitted` and `penstock-value-size` say "
             "so. With `exactly_once` the copy comes once. A topic that takes none holds nobody "
             "up: the letters in the spool are what "
             "counts, and `penstock_dead_letters_not_copied_total` counts copies that weren't "
             "made. Not set: no copies."},

    {.name = "listen.http",
     .type = CONFIG_LIST,
     .fallback = "127.0.0.1:8080",
     AT(ingest.http),
     COUNTED(ingest.http_count),
     .example = "[\"127.0.0.1:8080\"]",
     .help = "Addresses of the HTTP interface: `127.0.0.1:8080`, `\"[::1]:8080\"`, "
             "`unix:/run/penstock/http.sock`."},
    {.name = "listen.allow_remote",
     .type = CONFIG_BOOL,
     .fallback = "false",
     AT(ingest.allow_remote),
     .help = "Allow addresses beyond loopback. There is no authentication: whoever reaches the "
             "address can send "
             "events."},
    {.name = "listen.socket_mode",
     .type = CONFIG_MODE,
     .fallback = "0660",
     .max = 0777,
     AT(ingest.socket_mode),
     .help = "Permissions of Unix sockets."},
    {.name = "listen.socket_group",
     .type = CONFIG_STRING,
     AT(ingest.socket_group),
     .sample = "penstock",
     .help = "Group of Unix sockets, by name. Without it they have the group of the agent."},
    {.name = "listen.max_body",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "32MiB",
     .min = 1 * KIB,
     .max = 1 * GIB,
     AT(ingest.body_bytes_max),
     .help = "The body of one request; a larger one is refused with 413."},
    {.name = "listen.max_in_flight",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "64MiB",
     .min = 1 * KIB,
     .max = 16 * GIB,
     AT(ingest.in_flight_bytes_max),
     .help = "Bodies of all requests that are being received or wait for their sync; beyond it new "
             "requests get "
             "503. At "
             "least `listen.max_body`."},
    {.name = "listen.max_connections",
     .reloads = true,
     .type = CONFIG_COUNT,
     .fallback = "4096",
     .min = 1,
     .max = 1000000,
     AT(ingest.connections_max),
     .help = "Open connections; beyond it the oldest silent one is closed."},
    {.name = "listen.request_timeout",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "30s",
     .min = 100,
     .max = 24 * HOUR,
     AT(ingest.request_timeout_ms),
     .help = "From the first byte of a request to its last. A slower connection is closed."},
    {.name = "listen.idle_timeout",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "1m",
     .min = 100,
     .max = 24 * HOUR,
     AT(ingest.idle_timeout_ms),
     .help = "How long a connection may be open without a request."},
    {.name = "listen.threads",
     .type = CONFIG_COUNT,
     .fallback = "1",
     .min = 1,
     .max = 64,
     AT(ingest.threads),
     .help = "Threads that serve connections, of all addresses together."},

    {.name = "topics.max",
     .reloads = true,
     .type = CONFIG_COUNT,
     .fallback = "1000",
     .min = 1,
     .max = 1000,
     AT(spool.topics_max),
     .help = "Different topics; events for further ones are refused with 422."},
    {.name = "topics.allow",
     .reloads = true,
     .type = CONFIG_LIST,
     AT(ingest.topics_allow),
     COUNTED(ingest.topics_allow_count),
     .item_wrong = topic_wrong,
     .help = "When given, only these topics are taken; others get 404."},

    {.name = "bridge.delivery",
     .type = CONFIG_ENUM,
     .fallback = "exactly_once",
     .choices = delivery_choices,
     AT(bridge.delivery),
     .help = "`exactly_once`: consumers with `isolation.level=read_committed` see each event once, "
             "across crashes of the "
             "agent and of Kafka; needs rights on a transactional id, a group and the cursor topic "
             "(see "
             "docs/delivery.md). `at_least_once`: each event arrives; after a crash, or when "
             "Kafka's answer got lost, "
             "some arrive twice."},
    {.name = "bridge.cursor_topic",
     .type = CONFIG_STRING,
     .fallback = "penstock.cursors",
     .item_wrong = topic_wrong,
     AT(bridge.cursor_topic),
     .help = "With `exactly_once`: what was delivered is kept in Kafka as a committed offset on "
             "partition 0 of this topic. "
             "Nothing is ever written to it; all agents can share it. Made when it isn't there, if "
             "the agent may."},
    {.name = "bridge.cursor_refresh",
     .type = CONFIG_DURATION,
     .fallback = "24h",
     .min = 1000,
     .max = 365 * 24 * HOUR,
     AT(bridge.cursor_refresh_ms),
     .help = "With `exactly_once`: an agent that has had nothing to send for so long commits that "
             "offset again, so that Kafka doesn't "
             "forget it (`offsets.retention.minutes`, 7 days by default; this has to be well below "
             "it)."},
    {.name = "bridge.id_header",
     .type = CONFIG_BOOL,
     .fallback = "false",
     AT(bridge.id_header),
     .help =
         "Give each record a header `penstock-id` by which consumers can drop repeats. Costs CPU."},
    {.name = "bridge.topic_share",
     .reloads = true,
     .type = CONFIG_COUNT,
     .fallback = "50",
     .min = 1,
     .max = 100,
     AT(spool.topic_share_percent),
     .help = "Percent of `spool.max_size` that the pending events of one topic may take. Beyond it "
             "events for this topic alone "
             "are refused with 503, until a tenth of that is delivered: a topic that Kafka doesn't "
             "take must not fill the "
             "spool for all others. 100: no such limit."},
    {.name = "bridge.in_flight_bytes",
     .type = CONFIG_SIZE,
     .fallback = "32MiB",
     .min = 1 * MIB,
     .max = 1 * GIB,
     AT(bridge.in_flight_bytes_max),
     .help = "Events handed to the Kafka client and not yet acknowledged by Kafka."},
    {.name = "bridge.in_flight_events",
     .type = CONFIG_COUNT,
     .fallback = "200000",
     .min = 1,
     .max = 10000000,
     AT(bridge.in_flight_events_max),
     .help = "The same as a number of events."},
    {.name = "bridge.backoff_min",
     .type = CONFIG_DURATION,
     .fallback = "250ms",
     .min = 1,
     .max = 1 * HOUR,
     AT(bridge.backoff_ms_min),
     .help = "How long a topic that Kafka can't take waits before the next try, at first."},
    {.name = "bridge.backoff_max",
     .type = CONFIG_DURATION,
     .fallback = "30s",
     .min = 1,
     .max = 24 * HOUR,
     AT(bridge.backoff_ms_max),
     .help = "The same after many tries. Other topics go on meanwhile."},

    {.name = "log.level",
     .reloads = true,
     .type = CONFIG_ENUM,
     .fallback = "info",
     .choices = level_choices,
     AT(log_level),
     .help = "The least important lines that are written."},
};
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX,
               "config_source has a place for each key");

int config_key_find(const char *name)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (strcmp(config_keys[i].name, name) == 0)
            return (int)i;
    return -1;
}

bool config_section_is(const char *name)
{
    for (size_t i = 0; i < config_section_count; i++)
        if (strcmp(config_sections[i].name, name) == 0)
            return true;
    return false;
}

bool config_section_of(const char *name, size_t section)
{
    size_t size = strlen(config_sections[section].name);
    return strncmp(name, config_sections[section].name, size) == 0 && name[size] == '.';
}
