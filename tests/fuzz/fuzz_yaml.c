/* SPDX-License-Identifier: MIT
 * fuzz_yaml.c - any bytes as a config file: an error that says where, or settings that fit their
 * types. */
#include "config/config.h"
#include "config/config_yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && memmem(data, size, "file:", 5) != NULL)
        return 0; /* would read this machine's files */
    struct config config;
    struct errmsg msg = {""};
    if (config_init_defaults(&config) != ERR_OK)
        abort();
    enum err rc = config_load_text("fuzz.yaml", bytes_of(data, size), &config, &msg);
    /* An error without words helps nobody; settings that were taken keep what other modules rely
     * on. */
    if (rc != ERR_OK && msg.text[0] == '\0')
        abort();
    if (rc == ERR_OK &&
        (size > CONFIG_YAML_BYTES_MAX || config.spool.segment_bytes < SPOOL_SEGMENT_BYTES_MIN ||
         config.spool.segment_bytes > SPOOL_SEGMENT_BYTES_MAX || config.ingest.threads < 1 ||
         config.ingest.threads > 64 || config.spool.topics_max > 1000))
        abort();
    for (size_t i = 0; i < config.bridge.property_count; i++)
        if (bridge_property_refused(config.bridge.properties[i].name) != NULL)
            abort();
    config_free(&config);
    return 0;
}
