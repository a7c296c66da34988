# SPDX-License-Identifier: Apache-2.0
"""skep doctor, and a node that lacks a wall: refused in words, or accepted by name."""
import json
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[3]
SKEP = pathlib.Path(os.environ["SKEP_BUILD"]) / "bin" / "skep"
HELLO = TOP / "test/guests/prebuilt/hello.wasm"
# Root that may not administer anything, as in a container of containers.
FEWER_RIGHTS = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="walls need root")
needs_engine = pytest.mark.skipif(not (SKEP.parent / "skep-worker").exists(),
                                  reason="skep-worker is not built")


def skep(*words, before=(), **environment):
    return subprocess.run([*before, SKEP, *words], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment})


def states(done):
    return {wall["name"]: wall["state"] for wall in json.loads(done.stdout)["walls"]}


def test_every_wall_of_the_table_is_told():
    done = skep("doctor", "--json")
    report = json.loads(done.stdout)
    rows = (TOP / "runtime/sandbox/walls.def").read_text().count("\nWALL(")
    assert len(report["walls"]) == rows + 1  # and sockets by notification
    assert set(states(done).values()) <= {"stands", "missing"}
    assert states(done)["syscalls"] == "stands" and states(done)["descriptors"] == "stands"
    assert done.returncode == (1 if report["missing"] else 0)
    assert {fact["name"] for fact in report["kernel"]} >= {"kernel", "pagemap-scan", "cgroup-v2"}
    assert "walls of a worker" in skep("doctor").stdout


def test_walls_that_are_missing_are_told():
    done = skep("doctor", "--json", before=FEWER_RIGHTS)
    assert done.returncode == 1
    told = states(done)
    assert {name for name, state in told.items() if state == "missing"} == {"network", "mounts", "root"}


def test_what_the_settings_accept_is_told_and_no_fault(tmp_path):
    config = tmp_path / "skep.json"
    config.write_text(json.dumps({"walls": {"accept_missing": ["network", "mounts", "root"]}}))
    done = skep("doctor", "--json", before=FEWER_RIGHTS, SKEP_CONFIG=str(config))
    told = states(done)
    assert {name for name, state in told.items() if state == "accepted"} == {"network", "mounts", "root"}
    assert done.returncode == 0 and json.loads(done.stdout)["missing"] == 0


def test_an_ordinary_user_is_told_what_it_lacks():
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    done = skep("doctor", "--json", before=nobody)
    assert "missing" in set(states(done).values()) and done.returncode == 0


@needs_engine
def test_a_node_without_a_wall_runs_nothing_unless_that_was_accepted(tmp_path):
    run = ["run", "--cache", str(tmp_path / "cache"), HELLO]
    done = skep(*run, before=FEWER_RIGHTS)
    assert done.returncode != 0
    assert "an empty network: not possible here" in done.stderr
    assert '"accept_missing"' in done.stderr and '"network"' in done.stderr
    config = tmp_path / "skep.json"
    config.write_text(json.dumps({"walls": {"accept_missing": ["network", "mounts", "root"]}}))
    done = skep(*run, before=FEWER_RIGHTS, SKEP_CONFIG=str(config))
    assert done.returncode == 0, done.stderr


@needs_engine
def test_a_misspelt_wall_is_an_error(tmp_path):
    config = tmp_path / "skep.json"
    config.write_text(json.dumps({"walls": {"accept_missing": ["netwerk"]}}))
    done = skep("run", "--cache", str(tmp_path / "cache"), HELLO, SKEP_CONFIG=str(config))
    assert done.returncode != 0 and 'no wall "netwerk"' in done.stderr


def leb(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def section(kind, content):
    return bytes([kind]) + leb(len(content)) + content


def large_module(functions):
    """A core module with so many functions of some hundred instructions; the first is _start."""
    body = bytes([0]) + bytes([0x41, 1, 0x41, 2, 0x6A, 0x1A]) * 60 + bytes([0x0B])
    return (b"\0asm\1\0\0\0" + section(1, b"\1\x60\0\0")
            + section(3, leb(functions) + b"\0" * functions)
            + section(7, b"\1\6_start\0\0")
            + section(10, leb(functions) + (leb(len(body)) + body) * functions))


@needs_engine
def test_limits_of_a_compile_job_are_settings(tmp_path):
    config = tmp_path / "skep.json"
    large = tmp_path / "large.wasm"
    large.write_bytes(large_module(40_000))
    run = ["run", "--cache", str(tmp_path / "cache"), str(large)]
    for settings, named in (({"memory_bytes": 134217728}, "compiler.memory_bytes"),
                            ({"cpu_seconds": 1}, "compiler.cpu_seconds"),
                            ({"memory_bytes": 1}, "compiler.memory_bytes must be"),
                            ({"memory": 1}, 'no member "memory"')):
        config.write_text(json.dumps({"compiler": settings}))
        done = skep(*run, SKEP_CONFIG=str(config))
        assert done.returncode != 0 and named in done.stderr, (settings, done.stderr)
