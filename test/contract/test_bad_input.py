# SPDX-License-Identifier: Apache-2.0
"""Bytes that nobody should send: a clear error each, and nothing else is disturbed."""
import json
import os
import socket
import struct

import pytest
from containerd import MANIFEST, spec
from protobuf import encode
from ttrpc import TASK, Closed, Refused, frame, read_frame


@pytest.fixture
def bystander(node):
    task = node.task("hello", args=("hello", "sleep", "600"))
    task.run()
    pid = node.daemon()
    yield task
    assert task.call("State")["status"] == 2, "somebody else was disturbed"
    assert node.daemon() == pid
    task.call("Kill", signal=9)
    task.wait()
    task.finish()


def connection(task):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(task.address[len("unix://"):])
    return sock


def request(method="Connect", **more):
    return encode("Request", {"service": TASK["v2"], "method": method, "payload": b"",
                              "metadata": [{"key": "containerd-namespace-ttrpc", "value": "default"}], **more})


def status_of(sock):
    from protobuf import decode
    stream, kind, _, data = read_frame(sock)
    assert kind == 2
    return stream, (decode("Response", data)["status"] or {"code": 0})["code"]


def test_an_oversized_frame_is_discarded_and_the_connection_kept(bystander):
    sock = connection(bystander)
    sock.sendall(struct.pack(">IIBB", (4 << 20) + 1, 1, 1, 0))
    for _ in range(4):
        sock.sendall(b"x" * (1 << 20))
    sock.sendall(b"x")
    assert status_of(sock) == (1, 8)
    sock.sendall(frame(3, 1, request()))
    assert status_of(sock) == (3, 0)


def test_a_truncated_frame_disturbs_nobody(bystander):
    for data in (b"\0", b"\0\0\0\x10\0\0\0\1\1", frame(1, 1, request())[:-3]):
        sock = connection(bystander)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(10) == b""


def test_protobuf_garbage_is_an_invalid_argument(bystander):
    sock = connection(bystander)
    sock.sendall(frame(1, 1, b"\xff" * 50))
    assert status_of(sock) == (1, 3)
    sock.sendall(frame(3, 1, request("State", payload=b"\x0a\xff\xff\xff\xff\x0f")))
    stream, code = status_of(sock)
    assert stream == 3 and code in (3, 13)


def test_stream_ids_must_be_odd_and_increase(bystander):
    sock = connection(bystander)
    sock.sendall(frame(5, 1, request()))
    assert status_of(sock) == (5, 0)
    for stream in (5, 3, 6):
        sock.sendall(frame(stream, 1, request()))
        assert status_of(sock) == (stream, 3), stream
    sock.sendall(frame(7, 1, request()))
    assert status_of(sock) == (7, 0)


def test_unknown_frame_types_are_ignored(bystander):
    sock = connection(bystander)
    sock.sendall(frame(1, 9, b"what"))
    sock.sendall(frame(3, 1, request()))
    assert status_of(sock) == (3, 0)


def test_a_message_of_many_tiny_fields_is_bounded(bystander):
    sock = connection(bystander)
    sock.sendall(frame(1, 1, request("Create", payload=b"\x1a\x00" * 1_000_000)))
    stream, code = status_of(sock)
    assert stream == 1 and code in (3, 8, 13)


def test_a_flood_of_requests_that_are_never_read_ends_that_connection_only(bystander):
    sock = connection(bystander)
    sock.settimeout(5)
    try:
        for stream in range(1, 400001, 2):
            sock.sendall(frame(stream, 1, request("State", payload=encode("IdRequest", {"id": "nobody"}))))
    except (OSError, Closed):
        pass
    sock.close()


@pytest.mark.parametrize("name", ["../x", "a" * 77, "a b", "x/y", "\n"])
def test_absurd_ids_are_refused(bystander, name):
    with pytest.raises(Refused) as failure:
        bystander.client.call("Create", id=name, bundle="/tmp")
    assert failure.value.code in ("InvalidArgument", "NotFound")
    with pytest.raises(Refused):
        bystander.client.call("State", id=name)


CONFIGS = [
    ("ten megabytes", json.dumps(spec(["x"], env=["A=" + "x" * 1000] * 10500)), "config.json"),
    ("not JSON", "{", "config.json"),
    ("empty", "", "config.json"),
    ("a list", "[]", "config.json"),
    ("args of the wrong type", json.dumps({**spec(["x"]), "process": {"args": [1, 2], "cwd": "/"}}), "args"),
    ("env of the wrong type", json.dumps({**spec(["x"]), "process": {"args": ["x"], "env": "A=1", "cwd": "/"}}), "env"),
    ("mounts of the wrong type", json.dumps({**spec(["x"]), "mounts": {"a": 1}}), "mounts"),
    ("deep nesting", "[" * 100000 + "]" * 100000, "nested"),
    ("a relative mount", json.dumps(spec(["x"], mounts=[{"destination": "a/b", "type": "bind", "source": "/tmp",
                                                         "options": ["rbind"]}])), "a/b"),
    ("a negative limit of memory", json.dumps(spec(["x"], resources={"memory": {"limit": "lots"}})), "limit"),
    ("a NUL", '{"process":{"args":["a\\u0000b"],"cwd":"/"}}', "config.json"),
]


@pytest.mark.parametrize("text,word", [row[1:] for row in CONFIGS], ids=[row[0] for row in CONFIGS])
def test_a_config_that_makes_no_sense_is_refused_by_name(node, bystander, text, word):
    task = node.task("silent", config=text)
    with pytest.raises((Refused, RuntimeError)) as failure:
        task.start_shim()
        task.create()
    assert word in str(failure.value), failure.value
    if task.client:
        task.client.close()
    assert task.launch("delete").returncode == 0
    task.forget()


def test_a_config_that_is_missing_is_named(node, bystander):
    task = node.task("silent")
    (task.bundle / "config.json").unlink()
    with pytest.raises((Refused, RuntimeError)) as failure:
        task.start_shim()
        task.create()
    assert "config.json" in str(failure.value)


def bomb(node, manifest, media=MANIFEST):
    task = node.task("silent")
    name = f"registry/bomb-{task.id}:1"
    node.store.target(name, media, manifest)
    node.store.containers[("default", task.id)] = name
    return task


def manifests(store):
    config = store.blob(b'{"architecture":"wasm","os":"wasip2"}')
    layer = {"mediaType": "application/wasm", "digest": "sha256:" + "0" * 64, "size": 10}
    head = {"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": config, "size": 37}}
    return {
        "deep": b"[" * 100000 + b"]" * 100000,
        "large": json.dumps({**head, "layers": [], "annotations": {"a": "x" * (5 << 20)}}).encode(),
        "many layers": json.dumps({**head, "layers": [layer] * 5000}).encode(),
        "two layers": json.dumps({**head, "layers": [layer] * 2}).encode(),
        "a layer that is not there": json.dumps({**head, "layers": [layer]}).encode(),
        "a layer of a terabyte": json.dumps({**head, "layers": [{**layer, "size": 1 << 40}]}).encode(),
        "a negative size": json.dumps({**head, "layers": [{**layer, "size": -1}]}).encode(),
        "a digest that leaves the folder": json.dumps(
            {**head, "layers": [{**layer, "digest": "sha256:../../../../etc/passwd"}]}).encode(),
        "no layers": json.dumps(head).encode(),
        "not JSON": os.urandom(500),
    }


@pytest.mark.parametrize("name", ["deep", "large", "many layers", "two layers", "a layer that is not there",
                                  "a layer of a terabyte", "a negative size",
                                  "a digest that leaves the folder", "no layers", "not JSON"])
def test_manifest_bombs_are_refused(node, bystander, name):
    task = bomb(node, manifests(node.store)[name])
    with pytest.raises((Refused, RuntimeError)) as failure:
        task.start_shim()
        task.create()
    assert len(str(failure.value)) > 15
    if task.client:
        task.client.close()
    assert task.launch("delete").returncode == 0
    task.forget()


def test_an_index_that_names_itself_does_not_turn_for_ever(node, bystander):
    inner = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                        "manifests": []}).encode()
    media = "application/vnd.oci.image.index.v1+json"
    for _ in range(20):
        digest = node.store.blob(inner)
        inner = json.dumps({"schemaVersion": 2, "mediaType": media, "manifests": [
            {"mediaType": media, "digest": digest, "size": len(inner)}]}).encode()
    task = bomb(node, inner, media)
    with pytest.raises((Refused, RuntimeError)):
        task.start_shim()
        task.create()


def test_a_mount_whose_source_is_swapped_for_a_link_does_not_leave_it(node, bystander, tmp_path):
    (tmp_path / "link").symlink_to("/etc")
    task = node.task("hello", args=("hello", "cat", "/data/inner/passwd"),
                     mounts=[{"destination": "/data", "type": "bind", "source": str(tmp_path),
                              "options": ["rbind", "ro"]}])
    (tmp_path / "inner").symlink_to("/etc")
    task.run()
    assert task.wait() == 1
    assert task.output() == b""
    task.finish()


def test_garbage_on_the_control_socket_is_refused(node, bystander):
    control = bystander.address[len("unix://"):].rpartition("/")[0] + "/control.sock"
    for packet in (b"", b"z", b"s", b"sdefault", b"sdefault\0", b"s" + b"x" * 16000, os.urandom(300)):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(10)
        sock.connect(control)
        if packet:
            sock.send(packet)
            answer = sock.recv(16384)
            assert answer[:1] in (b"r", b""), (packet[:20], answer)
        sock.close()
