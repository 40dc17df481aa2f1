# SPDX-License-Identifier: MIT
"""What the tests do to a Kafka besides producing and consuming: topics and groups deleted, by librdkafka's admin client."""
import ctypes

_lib = ctypes.CDLL("librdkafka.so.1")
for _name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_queue_new", "rd_kafka_queue_poll", "rd_kafka_DeleteTopic_new",
              "rd_kafka_DeleteGroup_new", "rd_kafka_event_error_string"):
    getattr(_lib, _name).restype = ctypes.c_void_p


def _client(bootstrap):
    conf = ctypes.c_void_p(_lib.rd_kafka_conf_new())
    text = ctypes.create_string_buffer(256)
    assert _lib.rd_kafka_conf_set(conf, b"bootstrap.servers", bootstrap.encode(), text, 256) == 0, text.value
    client = _lib.rd_kafka_new(0, conf, text, 256)
    assert client, text.value
    return ctypes.c_void_p(client)


def _ask(bootstrap, make, request, name, seconds=20):
    client = _client(bootstrap)
    queue = ctypes.c_void_p(_lib.rd_kafka_queue_new(client))
    item = (ctypes.c_void_p * 1)(make(name.encode()))
    request(client, item, ctypes.c_size_t(1), None, queue)
    event = _lib.rd_kafka_queue_poll(queue, seconds * 1000)
    assert event, "no answer"
    error = _lib.rd_kafka_event_error(ctypes.c_void_p(event))
    assert error == 0, ctypes.string_at(_lib.rd_kafka_event_error_string(ctypes.c_void_p(event)))
    _lib.rd_kafka_event_destroy(ctypes.c_void_p(event))
    _lib.rd_kafka_queue_destroy(queue)
    _lib.rd_kafka_destroy(client)


def delete_topic(bootstrap, name):
    _ask(bootstrap, _lib.rd_kafka_DeleteTopic_new, _lib.rd_kafka_DeleteTopics, name)


def delete_group(bootstrap, name):
    _ask(bootstrap, _lib.rd_kafka_DeleteGroup_new, _lib.rd_kafka_DeleteGroups, name)


def create_topic(bootstrap, name, partitions=4, **config):
    text = ctypes.create_string_buffer(256)
    _lib.rd_kafka_NewTopic_new.restype = ctypes.c_void_p

    def make(encoded):
        topic = _lib.rd_kafka_NewTopic_new(encoded, partitions, 1, text, 256)
        assert topic, text.value
        for key, value in config.items():
            _lib.rd_kafka_NewTopic_set_config(ctypes.c_void_p(topic), key.replace("_", ".").encode(), str(value).encode())
        return topic
    _ask(bootstrap, make, _lib.rd_kafka_CreateTopics, name)
