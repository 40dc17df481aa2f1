#!/bin/sh
# KAFKA_LOG_DIRS=… becomes log.dirs=…, as in Kafka's own image.
set -eu
properties=/tmp/server.properties
env | grep '^KAFKA_' | while IFS='=' read -r name value; do
    echo "$(echo "${name#KAFKA_}" | tr 'A-Z_' 'a-z.')=$value"
done >"$properties"
data=${KAFKA_LOG_DIRS:-/tmp/kraft-combined-logs}
[ -f "$data/meta.properties" ] || java -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format -t 5L6g3nShT-eMCtK--X86sw -c "$properties"
exec java -Xmx512m -cp '/opt/kafka/libs/*' kafka.Kafka "$properties"
