#!/bin/sh
case "$0" in
*kafka-topics.sh) class=org.apache.kafka.tools.TopicCommand ;;
*kafka-console-consumer.sh) class=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
esac
exec java -Xmx256m -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*' "$class" "$@"
