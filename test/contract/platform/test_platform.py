# SPDX-License-Identifier: Apache-2.0
"""The platform's components behind one that asks them: each rule and each limit of platform/README.md."""
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("SKEP_BUILD", TOP / "build/release"))
BIN = BUILD / "bin"
PARTS = [BUILD / "share/skep/platform" / f"{name}.wasm" for name in ("config", "keyvalue", "logging")]
DEADLINE = 120
MIB = 1024 * 1024

pytestmark = pytest.mark.skipif(
    not all((BIN / name).exists() for name in ("skep", "skep-compiler", "skep-worker")),
    reason="skep, skep-compiler or skep-worker is not built")


def skep(*words):
    return subprocess.run([BIN / "skep", *map(str, words)], capture_output=True, timeout=DEADLINE, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")})


@pytest.fixture(name="linked", scope="module")
def link(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linked")
    done = skep("link", BUILD / "tests/asker.wasm", *PARTS, "-o", folder / "one.wasm")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(name="ask")
def make_ask(linked, tmp_path):
    """Asks, and returns the lines of the answers; folders that are there are mounted."""
    def ask(*asked, env=None, mode="", stderr=b"", status=0):
        words = ["run", "--cache", linked / "cache"]
        for key, value in (env or {}).items():
            words += ["--env", f"{key}={value}"]
        for name in ("config", "data"):
            if (tmp_path / name).exists():
                words += ["--dir", f"{tmp_path}/{name}:/{name}{mode}"]
        done = skep(*words, linked / "one.wasm", *asked)
        assert (done.returncode, done.stderr) == (status, stderr), done.stderr
        return done.stdout.decode().splitlines()
    return ask


@pytest.fixture(name="config")
def make_config(tmp_path):
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


@pytest.fixture(name="data")
def make_data(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def mount_as_kubernetes(config, **values):
    """A ConfigMap's mount: links through ..data, which is exchanged as a whole."""
    (config / "..2026_1").mkdir()
    (config / "..data").symlink_to("..2026_1")
    for key, value in values.items():
        (config / "..2026_1" / key).write_bytes(value)
        (config / key).symlink_to(f"..data/{key}")


def test_a_file_wins_over_a_variable(ask, config):
    mount_as_kubernetes(config, color=b"of the file", empty=b"")
    env = {"color": "of the variable", "only": "here", "empty": "not", "void": ""}
    assert ask("get|color", "get|only", "get|empty", "get|void", "get|absent", env=env) == [
        "some 11 of%20the%20file", "some 4 here", "some 0 ", "some 0 ", "none"]


def test_without_a_mount_there_are_the_variables(ask):
    assert ask("get|a", "all", env={"b": "2", "a": "1"}) == ["some 1 1", "2 a=1 b=2"]
    assert ask("all") == ["0"]


def test_all_is_the_union_in_order(ask, config):
    mount_as_kubernetes(config, zebra=b"file", color=b"file")
    (config / "folder").mkdir()
    assert ask("all", env={"color": "variable", "apple": "variable", "..data": "variable"}) == [
        "4 ..data=variable apple=variable color=file zebra=file"]


def test_odd_keys_are_none(ask, config):
    mount_as_kubernetes(config, color=b"x")
    (config / "sub").mkdir()
    (config / "sub/key").write_text("hidden")
    (config / "..hidden").write_text("hidden")
    asked = ["get|", "get|sub/key", "get|sub", "get|../config/color", "get|.", "get|..", "get|color%00", "get|..data",
             "get|..hidden", "get|@254", "get|@100000", "get|a/b", "get|/config/color", "get|color=x"]
    assert ask(*asked, env={"a/b": "slash"}) == ["none"] * len(asked)
    assert ask("all", env={"a/b": "slash"}) == ["1 color=x"]


def test_values_have_64_kib(ask, config):
    (config / "most").write_bytes(b"x" * 65536)
    (config / "more").write_bytes(b"x" * 65537)
    env = {"least": "y" * 65536, "beyond": "y" * 65537}
    too_big = "the value of {} has 65537 bytes, and at most 65536 are given"
    most, more, least, beyond, everything = ask("get|most", "get|more", "get|least", "get|beyond", "all", env=env)
    assert most.startswith("some 65536 xxx") and least.startswith("some 65536 yyy")
    assert more == "io: " + too_big.format("more") and beyond == "io: " + too_big.format("beyond")
    assert everything in ("io: " + too_big.format("more"), "io: " + too_big.format("beyond"))


def test_a_large_environment_is_no_trap(ask, data):
    env = {f"service{number}": "x" * 40000 for number in range(4)} | {"LOG_LEVEL": "info", "KEYVALUE_FOLDER": "/data/kv"}
    (data / "kv").mkdir()
    assert ask("get|LOG_LEVEL", "kset||a|b", "log|1|c|m", "log|2|c|m", env=env) == [
        "some 4 info", "done", 'level=info context="c" message="m"']
    assert (data / "kv/default/a").exists()


def test_what_is_no_text_is_said(ask, config):
    for name, value in {"lone": b"a\xff", "cut": b"a\xc3", "long": b"\xc0\xaf", "half": b"\xed\xa0\x80"}.items():
        (config / name).write_bytes(value)
    (config / "good").write_text("ä€𝄞")
    assert ask("get|lone", "get|cut", "get|long", "get|half", "get|good") == [
        *(f"io: the value of {name} is not text in UTF-8" for name in ("lone", "cut", "long", "half")),
        "some 9 %C3%A4%E2%82%AC%F0%9D%84%9E"]


def test_keys_are_1024(ask, config):
    for number in range(1024):
        (config / f"k{number}").write_text("v")
    assert ask("all")[0].startswith("1024 k0=v k1=v k10=v ")
    assert ask("all", "get|k7", "get|one", env={"one": "more"}) == [
        "io: there are more than 1024 keys, so ask for each by its name", "some 1 v", "some 4 more"]


def test_a_key_is_set_read_and_deleted(ask, data):
    assert ask("kget||a", "kexists||a", "kset||a|one", "kset||a|two", "kget||a", "kexists||a", "klist|", "kdelete||a",
               "kexists||a", "kdelete||a", "klist|", "kset||e|", "kget||e") == [
        "none", "no", "done", "done", "some 3 two", "yes", "1: a", "done", "no", "done", "0:", "done", "some 0 "]
    assert [path.name for path in (data / "default").iterdir()] == ["e"]


def test_keys_are_names_of_files_with_all_else_encoded(ask, data):
    keys = {".hidden": "%2Ehidden", "..": "%2E.", "a/../b": "a%2F..%2Fb", "%2E": "%252E", "ä b": "%C3%A4%20b",
            "\0\n": "%00%0A", "Aa0._-": "Aa0._-"}
    for key, name in keys.items():
        asked = "".join(f"%{byte:02X}" for byte in key.encode())
        assert ask(f"kset|b|{asked}|{len(key)}", f"kget|b|{asked}") == ["done", f"some 1 {len(key)}"]
        assert (data / "b" / name).read_text() == str(len(key))
    for foreign in (".new-1", "%2e", "%41", "a b", "%FF", "%2", "x" * 81):
        (data / "b" / foreign).write_text("not ours")
    (data / "b/folder").mkdir()
    listed = ask("klist|b")[0].split()
    printed = {"".join(chr(byte) if 0x20 < byte < 0x7f and byte != 0x25 else f"%{byte:02X}" for byte in key.encode())
               for key in keys}
    assert listed[0] == "7:" and set(listed[1:]) == printed
    assert ask("kget|b|folder", "kexists|b|folder") == ["none", "no"]


def test_limits_of_keys_and_values(ask, data):
    key = "other: a key has 1 to 80 bytes, and this one has {}"
    for verb in ("kget", "kset", "kdelete", "kexists"):
        assert ask(f"{verb}||", f"{verb}||@81") == [key.format(0), key.format(81)]
    wide = "%FF".replace("FF", "C3") + "%A4"
    assert ask(f"kset||{wide * 40}|v", f"kset||{wide * 41}|v", f"kget||{wide * 40}") == [
        "done", key.format(82), "some 1 v"]
    assert ask(f"kset||big|@{MIB}", f"kset||big|@{MIB + 1}", "kget||big") == [
        "done", f"other: a value has at most {MIB} bytes, and this one has {MIB + 1}", f"some {MIB} {60 * 'x'}"]
    (data / "default/foreign").write_bytes(b"x" * (MIB + 1))
    assert ask("kget||foreign") == [
        f"other: /data/default/foreign has {MIB + 1} bytes, and a value has at most {MIB}"]


def test_buckets_are_folders_of_good_names(ask, data):
    (data / "file").write_text("no folder")
    good = ["default", "A.b_c-9", "x" * 64]
    assert ask("open|", "open|A.b_c-9", "open|@64") == ["open"] * 3
    assert sorted(path.name for path in data.iterdir() if path.is_dir()) == sorted(good)
    bad = ["open|.", "open|..", "open|.git", "open|a/b", "open|@65", "open|%C3%A4", "open|a%00", "open|a b", "open|file"]
    assert ask(*bad) == ["no such store"] * len(bad)
    assert ask("hold|x") == ["other: at most 256 buckets are open at once", "256 were open", "open again"]


def test_without_a_mount_that_is_said(ask):
    assert ask("open|", "klist|many") == ["other: KEYVALUE_FOLDER is /data, and no folder is mounted there"] * 2


@pytest.mark.parametrize("eat", ["", "|eat"])
def test_pages_have_256_keys_and_each_key_comes_once(ask, data, eat):
    filled, listed = ask("kfill|many|600", f"klist|many{eat}")
    pages = [page.split() for page in listed.split(" | ")]
    assert filled == "done" and [page[0] for page in pages] == ["256:", "256:", "88:"]
    keys = [key for page in pages for key in page[1:]]
    assert sorted(keys) == sorted(f"k{number}" for number in range(600))
    assert len(list((data / "many").iterdir())) == (0 if eat else 600)
    assert ask("kfill|even|256", "klist|even")[1].count("|") == 0


def test_the_folder_is_told_by_a_variable(ask, data):
    (data / "kv").mkdir()
    assert ask("kset||a|b", env={"KEYVALUE_FOLDER": "/data/kv"}) == ["done"]
    assert (data / "kv/default/a").read_text() == "b"
    absolute = "other: KEYVALUE_FOLDER is an absolute path of at most 255 bytes"
    assert ask("open|", env={"KEYVALUE_FOLDER": "data"}) == [absolute]
    assert ask("open|", env={"KEYVALUE_FOLDER": "/" + 255 * "x"}) == [absolute]
    assert ask("open|", env={"KEYVALUE_FOLDER": "/else"}) == [
        "other: KEYVALUE_FOLDER is /else, and no folder is mounted there"]


def test_what_is_mounted_to_be_read_can_be_read(ask, data):
    (data / "default").mkdir()
    (data / "default/a").write_text("b")
    assert ask("kget||a", "klist|", "kset||a|c", "kdelete||a", "open|new", mode=":ro") == [
        "some 1 b", "1: a", "access denied", "access denied", "access denied"]
    assert [path.name for path in (data / "default").iterdir()] == ["a"]


def test_a_value_is_replaced_and_never_written_over(ask, data):
    assert ask("kset||a|old") == ["done"]
    with open(data / "default/a", encoding="ascii") as old:
        assert ask("kset||a|new") == ["done"]
        assert old.read() == "old"
    assert (data / "default/a").read_text() == "new"


def test_a_record_is_a_line(ask):
    assert ask("log|2|web|hello", "log|0||", "log|5|a%22b%5C|x%0Ay%0D%09%00%1B[31m%7F%C2%85%C3%A4") == [
        'level=info context="web" message="hello"', 'level=trace context="" message=""',
        r'level=critical context="a\"b\\" message="x\ny\r\t\u0000\u001b[31m\u007f\u0085ä"']


def test_records_below_the_level_are_dropped(ask):
    records = [f"log|{level}|c|m" for level in range(6)]
    names = ["trace", "debug", "info", "warn", "error", "critical"]
    for at, name in enumerate(names):
        assert [line.split()[0][6:] for line in ask(*records, env={"LOG_LEVEL": name})] == names[at:]
    assert len(ask(*records)) == len(ask(*records, env={"LOG_LEVEL": ""})) == 6
    assert len(ask(*records, env={"LOG_LEVEL": "loud"}, stderr=(
        b"LOG_LEVEL is trace, debug, info, warn, error or critical, not loud\n"))) == 6


def test_long_lines_are_cut_and_say_so(ask):
    whole, message, both, wide = ask("log|2|c|@16000", "log|2|c|@20000", "log|2|@2000|m", f"log|2||{'%C3%A4' * 9000}")
    assert whole == f'level=info context="c" message="{16000 * "x"}"'
    for line in (message, both, wide):
        assert len(line.encode()) < 16384
    kept = message.split(' message="')[1].count("x")
    assert kept > 16000 and message.endswith(f'x" cut="{20000 - kept} bytes"')
    assert both == f'level=info context="{1024 * "x"}" message="m" cut="976 bytes"'
    assert wide.count("ä") > 8000 and wide.endswith(f'ä" cut="{18000 - 2 * wide.count("ä")} bytes"')
