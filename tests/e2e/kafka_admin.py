# SPDX-License-Identifier: MIT
"""What the tests do to a Kafka besides producing and consuming: topics made and deleted, groups deleted, rights granted."""
import ctypes
import socket
import struct

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


def client_version():
    """(2, 0, 2) for librdkafka 2.0.2"""
    number = _lib.rd_kafka_version()
    return number >> 24, number >> 16 & 255, number >> 8 & 255


def delete_topic(bootstrap, name):
    _ask(bootstrap, _lib.rd_kafka_DeleteTopic_new, _lib.rd_kafka_DeleteTopics, name)


def delete_group(bootstrap, name):
    _ask(bootstrap, _lib.rd_kafka_DeleteGroup_new, _lib.rd_kafka_DeleteGroups, name)


def create_topic(bootstrap, name, partitions=4, brokers=None, **config):
    """brokers: the one for each partition; then partitions is how many there are of them."""
    partitions = partitions if brokers is None else len(brokers)
    text = ctypes.create_string_buffer(256)
    _lib.rd_kafka_NewTopic_new.restype = ctypes.c_void_p

    def make(encoded):
        topic = _lib.rd_kafka_NewTopic_new(encoded, partitions, 1 if brokers is None else -1, text, 256)
        assert topic, text.value
        for partition, broker in enumerate(brokers or ()):
            error = _lib.rd_kafka_NewTopic_set_replica_assignment(ctypes.c_void_p(topic), partition, (ctypes.c_int32 * 1)(broker),
                                                                  ctypes.c_size_t(1), text, ctypes.c_size_t(256))
            assert error == 0, text.value
        for key, value in config.items():
            _lib.rd_kafka_NewTopic_set_config(ctypes.c_void_p(topic), key.replace("_", ".").encode(), str(value).encode())
        return topic
    _ask(bootstrap, make, _lib.rd_kafka_CreateTopics, name)


def add_partitions(bootstrap, name, total):
    text = ctypes.create_string_buffer(256)
    _lib.rd_kafka_NewPartitions_new.restype = ctypes.c_void_p

    def make(encoded):
        partitions = _lib.rd_kafka_NewPartitions_new(encoded, ctypes.c_size_t(total), text, ctypes.c_size_t(256))
        assert partitions, text.value
        return partitions
    _ask(bootstrap, make, _lib.rd_kafka_CreatePartitions, name)


def set_topic_config(bootstrap, name, **config):
    _lib.rd_kafka_ConfigResource_new.restype = ctypes.c_void_p

    def make(encoded):
        resource = ctypes.c_void_p(_lib.rd_kafka_ConfigResource_new(2, encoded))   # 2: a topic
        for key, value in config.items():
            _lib.rd_kafka_ConfigResource_set_config(resource, key.encode(), str(value).encode())
        return resource.value
    _ask(bootstrap, make, _lib.rd_kafka_AlterConfigs, name)


# ---- rights: librdkafka 2.0 knows no transactional ids there, so the request is made by hand ------------------------------

RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8}


def _string(text):
    return struct.pack(">h", len(text)) + text.encode()


def grant(port, principal, resource, name, *operations):
    """kafka-acls --add --allow-principal <principal> --operation … --<resource> <name>"""
    body = struct.pack(">i", len(operations))
    for operation in operations:
        body += struct.pack(">b", RESOURCES[resource]) + _string(name) + struct.pack(">b", 3) + _string(principal) + _string("*")
        body += struct.pack(">bb", OPERATIONS[operation], 3)
    request = struct.pack(">hhi", 30, 1, 1) + _string("test") + body   # CreateAcls, version 1
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", s.recv(4, socket.MSG_WAITALL))[0]
        answer = s.recv(size, socket.MSG_WAITALL)
    _, _, count = struct.unpack(">iii", answer[:12])
    place = 12
    for _ in range(count):
        code, length = struct.unpack(">hh", answer[place:place + 4])
        assert code == 0, answer[place + 4:place + 4 + max(length, 0)]
        place += 4 + max(length, 0)
