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
    assert done.returncode == (1 if report["missing"] else 0)
    assert {fact["name"] for fact in report["kernel"]} >= {"kernel", "pagemap-scan", "cgroup-v2"}
    assert "walls of a worker" in skep("doctor").stdout


def test_walls_that_are_missing_are_told():
    done = skep("doctor", "--json", before=FEWER_RIGHTS)
    assert done.returncode == 1
    told = states(done)
    assert {name for name, state in told.items() if state == "missing"} == {"network", "mounts", "root"}


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
