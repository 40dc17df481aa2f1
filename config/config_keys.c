/* SPDX-License-Identifier: MIT
 * config_keys.c - one row a setting: name, type, default, range, help, and the field it goes to. */
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
    {"spool", "The queue on disk. An event counts as accepted when it is synced there."},
    {"quarantine", "Damaged segments, which are kept as they were found."},
    {"dead_letter",
     "Events that Kafka can never take, which are kept for people (`penstock dead-letter`)."},
    {"listen", "Addresses to which programs send events, and their limits."},
    {"topics", "Topics that events may be sent to."},
    {CONFIG_KAFKA, "Properties of librdkafka, the Kafka client, under their own names."},
    {"bridge", "Forwarding from the spool to Kafka."},
    {"log", "Lines on stderr."},
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
     .help = "Create a spool at startup if `spool.path` has none and its mounts are present. With "
             "`false`, run `penstock init` once; until a spool exists, events get 503. An agent "
             "that has had its spool never creates another one."},
    {.name = "spool.require_mount",
     .type = CONFIG_STRING,
     .fallback = "auto",
     .item_wrong = mount_wrong,
     AT(spool.require_mount),
     .help =
         "Mounts that must be present before the spool is opened or created: `auto` (every mount "
         "point at "
         "or above `spool.path` that /etc/fstab names, except `noauto` ones), the path of a mount "
         "point, or `off`. The agent waits for the mount; until then events get 503."},
    {.name = "spool.mount_wait",
     .type = CONFIG_DURATION,
     .min = 1,
     .max = 365 * 24 * HOUR,
     AT(mount_wait_ms),
     .sample = "5m",
     .help = "How long `penstock run` waits at startup for the spool and its mounts, before it "
             "exits with code 1. Not set: for ever."},
    {.name = "spool.id",
     .type = CONFIG_STRING,
     .item_wrong = id_wrong,
     AT(spool.id),
     .sample = "0b4e1f5c-6ad1-4d1c-9d0a-6d4a2f1f9a51",
     .help = "Use only the spool with this id (`penstock init` prints it). Another spool at "
             "`spool.path` is refused, and no spool is created."},
    {.name = "spool.segment_size",
     .type = CONFIG_SIZE,
     .fallback = "32MiB",
     .min = SPOOL_SEGMENT_BYTES_MIN,
     .max = SPOOL_SEGMENT_BYTES_MAX,
     AT(spool.segment_bytes),
     .help = "A segment of the spool ends when it passes this size. Disk space is given back in "
             "whole segments. The segment being written is held in memory too, so memory grows "
             "with this size."},
    {.name = "spool.max_size",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "10GiB",
     .min = 16 * MIB,
     .max = 1024 * TIB,
     AT(spool.size_bytes_max),
     .help = "Limit for everything below `spool.path`. Beyond it new events are refused with 503 "
             "until Kafka has taken some. At least four segments."},
    {.name = "spool.min_free",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "256MiB",
     .max = 1024 * TIB,
     AT(spool.free_bytes_min),
     .help = "Space on the filesystem that stays free. Below it new events are refused with 503. "
             "At least two segments stay free, even when this is less."},
    {.name = "spool.max_event_size",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "1000000",
     .min = 1,
     .max = SPOOL_EVENT_BYTES_LIMIT,
     AT(spool.event_bytes_max),
     .help = "Key, value and headers of one event together. A larger event is refused with 413. "
             "Kafka must take events of this size too (`message.max.bytes` of the brokers and in "
             "`kafka`). At most half a segment."},
    {.name = "spool.max_queued",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "48MiB",
     .min = 1 * MIB,
     .max = 16 * GIB,
     AT(spool.queued_bytes_max),
     .help = "Events in memory that wait for their sync. Beyond it new events are refused with "
             "503. At least `listen.max_body`."},
    {.name = "spool.window",
     .type = CONFIG_SIZE,
     .fallback = "8MiB",
     .min = 64 * KIB,
     .max = 4 * GIB,
     AT(spool.window_bytes_max),
     .help = "Events kept in memory after their sync. A bridge that keeps up reads them there, "
             "without reading the disk."},
    {.name = "spool.commit_timeout",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "10s",
     .min = 100,
     .max = 1 * HOUR,
     AT(spool.commit_timeout_ms),
     ALSO(ingest.commit_timeout_ms),
     .help = "How long a sync may take. A request that waits longer gets 503, which then means: "
             "unknown whether stored. While a sync hangs, the agent is not ready."},
    {.name = "spool.cursor_interval",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "1s",
     .min = 10,
     .max = 1 * HOUR,
     AT(spool.cursor_interval_ms),
     .help = "The cursors (what Kafka has acknowledged) are written to disk at most this often. "
             "With `at_least_once`, a crash repeats about this much."},

    {.name = "quarantine.max_age",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "30d",
     .max = 10 * 365 * 24 * HOUR,
     AT(spool.quarantine_ms_max),
     .help = "How long a damaged segment is kept after its intact events were delivered. Its loss "
             "report stays."},
    {.name = "quarantine.max_size",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "1GiB",
     .max = 1024 * TIB,
     AT(spool.quarantine_bytes_max),
     .help = "Limit for all damaged segments together. Beyond it, and when space for new events "
             "gets short, the oldest are removed first."},

    {.name = "dead_letter.max_size",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "256MiB",
     .max = 1024 * TIB,
     AT(spool.letters_bytes_max),
     .help = "Room for dead letters. When it is full, no letter is dropped: a topic with a further "
             "one waits until some are requeued or dropped (`penstock dead-letter`), and the other "
             "topics go on."},
    {.name = "dead_letter.topic",
     .type = CONFIG_STRING,
     .item_wrong = topic_wrong,
     AT(bridge.letters_topic),
     .sample = "dead-letters",
     .help =
         "Kafka topic that gets a copy of each dead letter. Not set: no copies. The copy has the "
         "event's key, value and headers, and headers that describe it (`penstock-topic`, "
         "`penstock-partition` if one was asked for, `penstock-id`, `penstock-time`, "
         "`penstock-error`, `penstock-reason`). A value that the topic doesn't take is left out; "
         "`penstock-omitted` and `penstock-value-size` then say so. With `exactly_once` each copy "
         "comes once. A topic that takes no copies delays no other topic: the letters stay in the "
         "spool, and `penstock_dead_letters_not_copied_total` counts the missing copies."},

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
     .help = "Allow addresses beyond loopback. There is no authentication: any program that "
             "reaches the address can send events."},
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
     .help = "Group of Unix sockets, by name. Not set: the group of the agent."},
    {.name = "listen.max_body",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "32MiB",
     .min = 1 * KIB,
     .max = 1 * GIB,
     AT(ingest.body_bytes_max),
     .help = "The body of one request. A larger one is refused with 413."},
    {.name = "listen.max_in_flight",
     .reloads = true,
     .type = CONFIG_SIZE,
     .fallback = "64MiB",
     .min = 1 * KIB,
     .max = 16 * GIB,
     AT(ingest.in_flight_bytes_max),
     .help = "Bodies of all requests that are being received or wait for their sync. Beyond it new "
             "requests get 503. At least `listen.max_body`."},
    {.name = "listen.max_connections",
     .reloads = true,
     .type = CONFIG_COUNT,
     .fallback = "4096",
     .min = 1,
     .max = 1000000,
     AT(ingest.connections_max),
     .help = "Open connections. Beyond it the connection that has been silent longest is closed."},
    {.name = "listen.request_timeout",
     .reloads = true,
     .type = CONFIG_DURATION,
     .fallback = "30s",
     .min = 100,
     .max = 24 * HOUR,
     AT(ingest.request_timeout_ms),
     .help = "Time from the first byte of a request to its last. A slower connection is closed."},
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
     .help = "Threads that serve connections, for all addresses together."},

    {.name = "topics.max",
     .reloads = true,
     .type = CONFIG_COUNT,
     .fallback = "1000",
     .min = 1,
     .max = 1000,
     AT(spool.topics_max),
     .help =
         "How many different topics there may be. Events for further ones are refused with 422."},
    {.name = "topics.allow",
     .reloads = true,
     .type = CONFIG_LIST,
     AT(ingest.topics_allow),
     COUNTED(ingest.topics_allow_count),
     .item_wrong = topic_wrong,
     .help = "Take events only for these topics; other topics get 404. Not set: all topics."},

    {.name = "bridge.delivery",
     .type = CONFIG_ENUM,
     .fallback = "exactly_once",
     .choices = delivery_choices,
     AT(bridge.delivery),
     .help = "`exactly_once`: consumers with `isolation.level=read_committed` see each event once, "
             "across crashes of the agent and of Kafka. Needs rights on a transactional id, a "
             "group and the cursor topic (see docs/delivery.md). `at_least_once`: each event "
             "arrives; after a crash, or when Kafka's answer got lost, some arrive twice."},
    {.name = "bridge.cursor_topic",
     .type = CONFIG_STRING,
     .fallback = "penstock.cursors",
     .item_wrong = topic_wrong,
     AT(bridge.cursor_topic),
     .help = "With `exactly_once`: the cursor (what was delivered) is a committed offset on "
             "partition 0 of this topic. The topic itself stays empty, and all agents can share "
             "it. The agent creates it if it is missing and the agent has the right."},
    {.name = "bridge.cursor_refresh",
     .type = CONFIG_DURATION,
     .fallback = "24h",
     .min = 1000,
     .max = 365 * 24 * HOUR,
     AT(bridge.cursor_refresh_ms),
     .help = "With `exactly_once`: an agent that has sent nothing for this long commits its cursor "
             "again, so that Kafka doesn't forget it. Must be well below "
             "`offsets.retention.minutes` of the brokers (7 days by default)."},
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
     .help = "Percent of `spool.max_size` that the pending events of one topic may take, so that a "
             "topic that Kafka doesn't take leaves room for the others. Beyond it events for this "
             "topic alone are refused with 503, until a tenth of its share is free again. 100: no "
             "such limit."},
    {.name = "bridge.in_flight_bytes",
     .type = CONFIG_SIZE,
     .fallback = "32MiB",
     .min = 1 * MIB,
     .max = 1 * GIB,
     AT(bridge.in_flight_bytes_max),
     .help = "Bytes of events handed to the Kafka client and not yet acknowledged by Kafka."},
    {.name = "bridge.in_flight_events",
     .type = CONFIG_COUNT,
     .fallback = "200000",
     .min = 1,
     .max = 10000000,
     AT(bridge.in_flight_events_max),
     .help = "Number of events handed to the Kafka client and not yet acknowledged by Kafka."},
    {.name = "bridge.backoff_min",
     .type = CONFIG_DURATION,
     .fallback = "250ms",
     .min = 1,
     .max = 1 * HOUR,
     AT(bridge.backoff_ms_min),
     .help = "How long a topic that Kafka can't take waits before the first new try."},
    {.name = "bridge.backoff_max",
     .type = CONFIG_DURATION,
     .fallback = "30s",
     .min = 1,
     .max = 24 * HOUR,
     AT(bridge.backoff_ms_max),
     .help = "The longest such wait, after many tries. Other topics go on meanwhile."},

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
