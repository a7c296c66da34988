# SPDX-License-Identifier: Apache-2.0
"""wasi:keyvalue over Redis's protocol: the same words as over a folder, and a server that misbehaves."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from redis import Server  # noqa: E402
from test_platform import BUILD, MIB, PARTS, pytestmark, skep  # noqa: E402,F401


@pytest.fixture(name="linked", scope="module")
def link(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linked")
    parts = [path.with_name("keyvalue-redis.wasm") if path.name == "keyvalue.wasm" else path for path in PARTS]
    done = skep("link", BUILD / "tests/asker.wasm", *parts, "-o", folder / "one.wasm")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(name="ask")
def make_ask(linked):
    def ask(*asked, address=None, net="host", **env):
        words = ["run", "--net", net, "--cache", linked / "cache"]
        for key, value in {"KEYVALUE_ADDRESS": address, **env}.items():
            words += ["--env", f"{key}={value}"] if value is not None else []
        done = skep(*words, linked / "one.wasm", *asked)
        assert (done.returncode, done.stderr) == (0, b""), done.stderr
        return done.stdout.decode().splitlines()
    return ask


@pytest.fixture(name="serve")
def make_serve():
    made = []

    def serve(**options):
        made.append(Server(**options))
        return made[-1]
    yield serve
    for server in made:
        server.close()


def test_a_key_is_set_read_and_deleted(ask, serve):
    server = serve()
    assert ask("kget||a", "kexists||a", "kset||a|one", "kset||a|two", "kget||a", "kexists||a", "klist|", "kdelete||a",
               "kexists||a", "kdelete||a", "klist|", "kset||e|", "kget||e", "kset|b|%00%C3%A4|%0D%0A",
               address=server.address) == [
        "none", "no", "done", "done", "some 3 two", "yes", "1: a", "done", "no", "done", "0:", "done", "some 0 ",
        "done"]
    assert server.kept == {b"default:e": b"", "b:\0ä".encode(): b"\r\n"}
    assert server.connections == 1


def test_limits_are_those_of_the_folder(ask, serve):
    server = serve()
    key = "other: a key has 1 to 80 bytes, and this one has {}"
    assert ask("kset||@80|v", "kset||@81|v", "kget||", f"kset||big|@{MIB}", "kget||big", f"kset||big|@{MIB + 1}",
               "open|.x", "open|a:b", address=server.address) == [
        "done", key.format(81), key.format(0), "done", f"some {MIB} {60 * 'x'}",
        f"other: a value has at most {MIB} bytes, and this one has {MIB + 1}", "no such store", "no such store"]
    server.kept[b"default:big"] = (MIB + 1) * b"x"
    assert ask("kget||big", "kexists||big", address=server.address) == [
        f"other: a value there has {MIB + 1} bytes, and a value has at most {MIB}", "yes"]


def test_all_pages_have_the_keys_of_the_bucket(ask, serve):
    server = serve()
    server.kept = {b"many:k%d" % number: b"" for number in range(600)} | {
        b"other:x": b"", b"many:": b"", b"many:" + 81 * b"x": b"", b"many:\xff": b""}
    listed = ask("klist|many", address=server.address)[0]
    keys = [word for word in listed.split() if word.startswith("k")]
    assert sorted(keys) == sorted(f"k{number}" for number in range(600))
    assert listed.count("|") == 6 and "x" not in listed


def test_a_password_is_told_and_a_wrong_one_is_no_access(ask, serve):
    server = serve(password=b"sesame")
    assert ask("kset||a|b", address=server.address, KEYVALUE_PASSWORD="sesame") == ["done"]
    assert ask("kget||a", address=server.address, KEYVALUE_PASSWORD="wrong") == ["access denied"]
    assert ask("kget||a", address=server.address) == ["access denied"]


def test_a_connection_that_ended_is_made_anew(ask, serve):
    server = serve()
    server.hang_up_after = 1
    assert ask("kset||a|b", "kget||a", "kget||a", address=server.address) == ["done", "some 1 b", "some 1 b"]
    assert server.connections == 2


@pytest.mark.parametrize("odd, words", [
    (b"-ERR no luck\r\n", "the server says: ERR no luck"),
    (b"HTTP/1.1 400 Bad Request\r\n", "the server does not speak Redis's protocol: an answer of another kind"),
    (b"$9x\r\n", "the server does not speak Redis's protocol: an answer of another kind"),
    (b"+" + 600 * b"x", "the server does not speak Redis's protocol: a line of more than 510 bytes"),
    (b"$99999999999999999999\r\n", "a value there has 9223372036854775807 bytes, and a value has at most 1048576")])
def test_what_is_not_understood_is_said(ask, serve, odd, words):
    assert ask("kget||a", address=serve(odd=odd).address) == [f"other: {words}"]


def test_one_who_does_not_answer_is_not_waited_for(ask, serve):
    assert ask("kget||a", address=serve(odd=b"$5\r\nab").address) == ["other: the server does not answer"]


def test_addresses_are_checked_and_the_network_is_the_containers_own(ask, serve):
    words = "other: KEYVALUE_ADDRESS is HOST:PORT, with at most 253 bytes of HOST"
    for address in (None, "", "host", "host:", ":1", "host:0", "host:65536", "host:1x", 254 * "h" + ":1"):
        assert ask("open|", address=address) == [words]
    server = serve()
    host, port = server.address.split(":")
    assert ask("kget||a", address=server.address, net="none") == [f"other: no connection to {host}, port {port}"]
    assert server.connections == 0
