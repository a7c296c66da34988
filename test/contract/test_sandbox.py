# SPDX-License-Identifier: Apache-2.0
"""The Sandbox API: pods without a pause, as containerd 2.3 makes them with sandboxer = "shim"."""
import json
import os
import shutil

import pytest

from containerd import spec
from protobuf import encode
from ttrpc import Client, Refused

SERVICE = "containerd.runtime.sandbox.v1.Sandbox"
OPTIONS = "runtime.v1.PodSandboxConfig"
POD = {"metadata": {"name": "web", "uid": "u", "namespace": "team"}, "hostname": "web-1",
       "dns_config": {"servers": ["10.0.0.1"], "searches": ["a.local"], "options": ["ndots:5"]},
       "linux": {"security_context": {"namespace_options": {"network": 2}}}}


class Sandbox:
    """A sandbox with its bundle and connection; the methods are those of the service."""

    def __init__(self, node, name, pod=None, netns="", start=True):
        self.node, self.id = node, name
        self.bundle = node.folder / "sandboxes" / name
        self.bundle.mkdir(parents=True)
        done = node.launch("start", name, "k8s.io", cwd=self.bundle)
        assert (done.returncode, done.stderr) == (0, b""), done
        self.address = done.stdout.decode()
        self.connect()
        self.call("CreateSandbox", bundle_path=str(self.bundle), netns_path=netns,
                  options={"type_url": OPTIONS, "value": encode("PodSandboxConfig", pod or POD)})
        self.started = self.call("StartSandbox") if start else None

    def connect(self):
        self.client = Client(self.address, "k8s.io", self.node.version)

    def send(self, method, **values):
        return self.client.send(method, service=SERVICE, sandbox_id=self.id, **values)

    def call(self, method, **values):
        return self.send(method, **values).answer()

    def state(self):
        return self.call("SandboxStatus")["state"]

    def finish(self):
        """As RemovePodSandbox ends it: Shutdown, close, the delete binary, the bundle."""
        self.call("ShutdownSandbox")
        self.client.close()
        assert self.node.launch("delete", self.id, "k8s.io", cwd=self.bundle).returncode == 0
        shutil.rmtree(self.bundle)


def container(node, sandbox, args, **more):
    note = {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": sandbox.id}
    return node.task("hello", args, namespace="k8s.io", annotations=note, **more)


def refused(code, call, *args, **values):
    with pytest.raises(Refused) as why:
        call(*args, **values)
    assert why.value.code == code, why.value
    return why.value.message


def test_a_sandbox_lives_from_create_to_shutdown(fresh):
    one = Sandbox(fresh, "one", start=False)
    assert one.state() == "SANDBOX_NOTREADY"
    started = one.call("StartSandbox")
    assert started["pid"] > 4194304 and started["created_at"]["seconds"] > 0
    assert one.call("Platform")["platform"]["os"] == "linux"
    status = one.call("SandboxStatus", verbose=True)
    assert (status["state"], status["pid"]) == ("SANDBOX_READY", started["pid"])
    assert status["created_at"] == started["created_at"] and not status["exited_at"]
    assert one.call("PingSandbox") == {}
    waiting = one.send("WaitSandbox")
    assert one.call("SandboxMetrics")["metrics"]["id"] == "one" and not waiting.ready()
    assert one.call("StopSandbox", timeout_secs=0) == {}
    assert waiting.answer()["exited_at"]["seconds"] > 0
    assert one.call("WaitSandbox")["exit_status"] == 0
    status = one.call("SandboxStatus")
    assert status["state"] == "SANDBOX_NOTREADY" and status["exited_at"]["seconds"] > 0
    one.finish()
    assert fresh.events.of("one", "k8s.io") == []


def test_a_sandbox_is_nobody_elses(fresh):
    one, two = Sandbox(fresh, "one"), Sandbox(fresh, "two")
    runs = container(fresh, two, ["hello", "sleep", "60"], namespaces=["pid", "ipc"])
    runs.run()
    one.finish()
    assert two.state() == "SANDBOX_READY"
    assert runs.call("State")["status"] == 2
    refused("NotFound", two.client.call, "SandboxStatus", service=SERVICE, sandbox_id="one")
    two.call("StopSandbox")
    assert runs.call("State")["status"] == 2
    runs.call("Kill", signal=9)
    runs.wait()
    runs.finish()
    two.finish()


def test_unknown_ids_and_second_times_are_answered(fresh):
    one = Sandbox(fresh, "one")
    for method in ("StartSandbox", "Platform", "StopSandbox", "WaitSandbox", "SandboxStatus", "PingSandbox",
                   "SandboxMetrics"):
        text = refused("NotFound", one.client.call, method, service=SERVICE, sandbox_id="none")
        assert "sandbox none" in text
    assert one.client.call("ShutdownSandbox", service=SERVICE, sandbox_id="none") == {}
    assert "running" in refused("FailedPrecondition", one.call, "StartSandbox")
    options = {"type_url": OPTIONS, "value": encode("PodSandboxConfig", POD)}
    refused("AlreadyExists", one.call, "CreateSandbox", bundle_path=str(one.bundle), options=options)
    assert one.call("StopSandbox") == one.call("StopSandbox") == {}
    one.finish()


def test_what_a_sandbox_cannot_be_is_said(fresh):
    one = Sandbox(fresh, "one")

    def create(**values):
        return refused("InvalidArgument", one.client.call, "CreateSandbox", service=SERVICE, sandbox_id="x",
                       **{"bundle_path": str(one.bundle), **values})
    assert "runtime.v1.PodSandboxConfig" in create()
    assert "some.Type" in create(options={"type_url": "some.Type", "value": b""})
    bad = {**POD, "dns_config": {"servers": ["1.1.1.1\noptions x"]}}
    assert "dns_config.servers[0]" in create(options={"type_url": OPTIONS, "value": encode("PodSandboxConfig", bad)})
    good = {"type_url": OPTIONS, "value": encode("PodSandboxConfig", POD)}
    assert "absolute" in create(options=good, bundle_path="here")
    assert "absolute" in create(options=good, netns_path="here")
    user = {**POD, "linux": {"security_context": {"namespace_options": {"userns_options": {"mode": 0}}}}}
    with pytest.raises(Refused, match="user namespace"):
        one.client.call("CreateSandbox", service=SERVICE, sandbox_id="x", bundle_path=str(one.bundle),
                        options={"type_url": OPTIONS, "value": encode("PodSandboxConfig", user)})
    huge = {**POD, "dns_config": {"searches": ["s" * 1000] * 100}}
    text = refused("ResourceExhausted", one.client.call, "CreateSandbox", service=SERVICE, sandbox_id="x",
                   bundle_path=str(one.bundle),
                   options={"type_url": OPTIONS, "value": encode("PodSandboxConfig", huge)})
    assert "resolv.conf" in text and "65536" in text
    one.finish()


def test_after_a_restart_of_containerd_the_sandbox_is_found_again(fresh):
    one = Sandbox(fresh, "one")
    one.client.close()
    one.connect()
    assert one.client.call("Connect", id="one")["task_pid"] == one.started["pid"]
    assert [each["pid"] for each in one.client.call("Pids", id="one")["processes"]] == [one.started["pid"]]
    assert one.state() == "SANDBOX_READY"
    waiting = one.send("WaitSandbox")
    one.call("StopSandbox")
    waiting.answer()
    one.finish()


def test_delete_ends_a_sandbox_that_was_left(fresh):
    one = Sandbox(fresh, "one")
    one.client.close()
    assert fresh.launch("delete", "one", "k8s.io", cwd=one.bundle).returncode == 0
    one.connect()
    refused("NotFound", one.call, "SandboxStatus")
    one.client.close()


def test_the_bundle_holds_what_containers_of_the_pod_see(fresh):
    one = Sandbox(fresh, "one")
    assert (one.bundle / "resolv.conf").read_text() == "search a.local\nnameserver 10.0.0.1\noptions ndots:5\n"
    assert (one.bundle / "hostname").read_text() == "web-1\n"
    config = json.loads((one.bundle / "config.json").read_text())
    assert [each["type"] for each in config["linux"]["namespaces"]] == ["mount", "pid", "ipc"]
    one.finish()
    plain = Sandbox(fresh, "plain", pod={"metadata": POD["metadata"], "linux": POD["linux"]})
    assert (plain.bundle / "resolv.conf").read_text() == open("/etc/resolv.conf", encoding="utf-8").read()
    plain.finish()


def test_a_container_without_wasm_joins_the_sandbox(fresh):
    """The bundles lie as containerd lays them: <state>/<plugin>/<namespace>/<id>."""
    marks = fresh.folder / "marks"
    marks.mkdir()
    stand_in = marks / "containerd-shim-runc-v2"
    stand_in.write_text("#!/bin/sh\necho unix:///runc\n")
    stand_in.chmod(0o755)
    one = Sandbox(fresh, "skep-test-one")
    place = fresh.folder / "io.containerd.sandbox.controller.v1.shim/k8s.io"
    place.mkdir(parents=True)
    (place / one.id).symlink_to(one.bundle)
    pid = one.started["pid"]
    task = fresh.task(None, namespace="k8s.io", config=spec(
        ["/bin/sh"], namespaces=["mount", ("ipc", f"/proc/{pid}/ns/ipc")],
        mounts=[{"destination": "/dev/shm", "type": "tmpfs", "source": "shm"},
                {"destination": "/etc/hosts", "type": "bind", "source": "/k"}],
        annotations={"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": one.id}))
    fresh.store.image("registry/native:1", "application/vnd.oci.image.config.v1+json",
                      {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}, [])
    fresh.store.containers[("k8s.io", task.id)] = "registry/native:1"
    done = task.launch(env={"PATH": f"{marks}:{os.environ['PATH']}"})
    assert (done.returncode, done.stdout.strip()) == (0, b"unix:///runc"), done
    config = json.loads((task.bundle / "config.json").read_text())
    pod = f"/run/skep/pods/{one.id}"
    assert config["linux"]["namespaces"] == [{"type": "mount"}, {"type": "ipc", "path": f"{pod}/ipc"}]
    mounts = {each["destination"]: each["source"] for each in config["mounts"]}
    assert mounts == {"/proc": "proc", "/etc/hosts": "/k", "/dev/shm": f"{pod}/shm",
                      "/etc/resolv.conf": f"{one.bundle}/resolv.conf", "/etc/hostname": f"{one.bundle}/hostname"}
    assert os.path.ismount(f"{pod}/shm")
    task.launch("delete", env={"PATH": f"{marks}:{os.environ['PATH']}"})
    one.finish()
    assert not os.path.exists(pod)
