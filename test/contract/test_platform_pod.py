# SPDX-License-Identifier: Apache-2.0
"""The platform's components as containers of a pod: each works on what its own container has, and the
component that asks has none of it."""
import pytest

from containerd import BUILD

CRI = "io.kubernetes.cri."
PARTS = BUILD / "share/skep/platform"

pytestmark = pytest.mark.skipif(not (PARTS / "config.wasm").exists() or not (BUILD / "tests/asker.wasm").exists(),
                                reason="the platform's components are not built")


def bound(folder, where):
    return {"destination": where, "type": "bind", "source": str(folder), "options": ["rbind"]}


def container(node, wasm, name, args, **options):
    told = {CRI + "container-type": "container", CRI + "sandbox-id": "platform", CRI + "container-name": name,
            "skep.dev/network": "none"}
    return node.task(wasm.read_bytes(), args=args, name=f"platform-{name}", annotations=told, **options)


def test_each_has_the_grants_of_its_own_container(node, tmp_path):
    config, data = tmp_path / "config", tmp_path / "data"
    for folder in (config, data):
        folder.mkdir()
        folder.chmod(0o777)
    (config / "color").write_text("red")
    providers = [
        container(node, PARTS / "config.wasm", "config", ["x"], env=["size=big"], mounts=[bound(config, "/config")]),
        container(node, PARTS / "keyvalue.wasm", "keyvalue", ["x"], env=["KEYVALUE_FOLDER=/kv"],
                  mounts=[bound(data, "/kv")]),
        container(node, PARTS / "logging.wasm", "logging", ["x"], env=["LOG_LEVEL=warn"]),
    ]
    asked = ["asker", "all", "kset||key|value", "kget||key", "log|2|c|dropped", "log|3|c|kept"]
    asker = container(node, BUILD / "tests/asker.wasm", "asker", asked, env=["mine=own", "LOG_LEVEL=trace"])
    for task in (*providers, asker):
        task.run()
    said = asker.output("stderr")
    assert said == b"", said
    assert asker.output() == b"2 color=red size=big\ndone\nsome 5 value\n"
    assert asker.wait() == 0
    asker.call("Delete")
    for task in providers:
        task.call("Kill", signal=9)
        assert task.wait() == 137
    assert providers[2].output() == b'level=warn context="c" message="kept"\n'
    assert [task.output() for task in providers[:2]] == [b"", b""]
    for task in providers:
        task.call("Delete")
    assert (data / "default/key").read_text() == "value"
