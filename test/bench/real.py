# SPDX-License-Identifier: Apache-2.0
"""A real containerd of the bench's own (root, state and sockets below one folder), and its gRPC API: what
a kubelet's or ctr's call costs without their own processes."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test/support"))

import grpc  # noqa: E402

import protobuf  # noqa: E402
from archive import image_archive  # noqa: E402
from containerd import ARTIFACT_CONFIG, BUILD, MANIFEST, daemons, digest_of, guest  # noqa: E402

BUSYBOX = pathlib.Path("/bin/busybox")
SPEC = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
KEPT = {"key": "containerd.io/gc.root", "value": "2026-01-01T00:00:00Z"}
COMMIT = 2
OFF = ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
       "io.containerd.sandbox.controller.v1.podsandbox", "io.containerd.podsandbox.controller.v1.podsandbox",
       "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
       "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
       "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.nri.v1.nri",
       "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing")

U32, I64, BOOL, STR, BYTES = protobuf.U32, protobuf.I64, protobuf.BOOL, protobuf.STR, protobuf.BYTES
protobuf.TABLE.update({
    "bench.Container": {"id": (1, STR), "image": (3, STR), "runtime": (4, "Runtime"), "spec": (5, "Any"),
                        "snapshotter": (6, STR), "snapshot_key": (7, STR)},
    "bench.CreateContainer": {"container": (1, "bench.Container")},
    "bench.CreateImage": {"image": (1, "Image")},
    "bench.WriteContent": {"action": (1, U32), "ref": (2, STR), "total": (3, I64), "expected": (4, STR),
                           "data": (6, BYTES), "labels": (7, ["Pair"])},
    "bench.Prepare": {"snapshotter": (1, STR), "key": (2, STR), "parent": (3, STR), "labels": (4, ["Pair"])},
    "bench.Prepared": {"mounts": (1, ["Mount"])},
    "bench.Remove": {"snapshotter": (1, STR), "key": (2, STR)},
    "bench.CreateTask": {"id": (1, STR), "rootfs": (3, ["Mount"])},
    "bench.KillTask": {"id": (1, STR), "signal": (3, U32), "all": (4, BOOL)},
    "bench.Ended": {"exit_status": (1, U32)},
})
# method -> (request, response)
CALLS = {
    "containers.v1.Containers/Create": ("bench.CreateContainer", "Empty"),
    "containers.v1.Containers/Delete": ("IdRequest", "Empty"),
    "images.v1.Images/Create": ("bench.CreateImage", "Empty"),
    "snapshots.v1.Snapshots/Prepare": ("bench.Prepare", "bench.Prepared"),
    "snapshots.v1.Snapshots/Remove": ("bench.Remove", "Empty"),
    "tasks.v1.Tasks/Create": ("bench.CreateTask", "Empty"),
    "tasks.v1.Tasks/Start": ("IdRequest", "Empty"),
    "tasks.v1.Tasks/Kill": ("bench.KillTask", "Empty"),
    "tasks.v1.Tasks/Wait": ("IdRequest", "bench.Ended"),
    "tasks.v1.Tasks/Delete": ("IdRequest", "Empty"),
    "version.v1.Version/Version": ("Empty", "Empty"),
}


class Api:
    """One client's connection."""

    def __init__(self, address, namespace):
        self.channel = grpc.insecure_channel("unix:" + address)
        self.metadata = (("containerd-namespace", namespace),)
        self.calls = {name: self.channel.unary_unary("/containerd.services." + name) for name in CALLS}

    def call(self, name, **values):
        request, response = CALLS[name]
        answer = self.calls[name](protobuf.encode(request, values), metadata=self.metadata, timeout=60)
        return protobuf.decode(response, answer)

    def close(self):
        self.channel.close()

    def container(self, name, runtime, image, spec, snapshot=""):
        self.call("containers.v1.Containers/Create", container={
            "id": name, "image": image, "runtime": {"name": runtime}, "snapshotter": "overlayfs" if snapshot else "",
            "snapshot_key": snapshot, "spec": {"type_url": SPEC, "value": json.dumps(spec).encode()}})

    def write(self, data):
        """A blob, which stays although nothing refers to it."""
        request = protobuf.encode("bench.WriteContent", {
            "action": COMMIT, "ref": digest_of(data), "total": len(data), "expected": digest_of(data), "data": data,
            "labels": [KEPT]})
        for _ in self.channel.stream_stream("/containerd.services.content.v1.Content/Write")(
                iter([request]), metadata=self.metadata, timeout=60):
            pass

    def prepare(self, key, parent):
        """The mounts of a fresh root over an image's layers; kept until it is removed."""
        return self.call("snapshots.v1.Snapshots/Prepare", snapshotter="overlayfs", key=key, parent=parent,
                         labels=[KEPT])["mounts"]


def root_of(version):
    """The folder of another Debian's containerd, None for the machine's own."""
    if version == "machine":
        return None
    done = subprocess.run([TOP / "e2e/roots/make", version], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(done.stdout.strip())


class Containerd:
    def __init__(self, folder, version="machine", namespace="bench"):
        self.folder, self.namespace = folder, namespace
        self.state = pathlib.Path("/run") / namespace  # memory, as a node's is
        self.state.mkdir()
        self.address = str(folder / "c.sock")
        folder.mkdir(exist_ok=True)
        config = folder / "config.toml"
        config.write_text(f"""version = 2
root = "{folder}/root"
state = "{self.state}/containerd"
disabled_plugins = {json.dumps(list(OFF))}
[grpc]
  address = "{self.address}"
[ttrpc]
  address = "{self.address}.ttrpc"
[debug]
  level = "warn"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
""")
        root = root_of(version)
        programs = [BUILD / "bin", BUILD / "bench", *([root / "usr/bin", root / "usr/sbin"] if root else [])]
        self.env = {**os.environ, "PATH": ":".join([*map(str, programs), os.environ["PATH"]]),
                    "SKEP_STATE_DIR": str(self.state / "skep"), "FLOOR_SOCKET": str(self.state / "floor.sock"),
                    "SKEP_CACHE_DIR": os.environ.get("SKEP_CACHE_DIR", str(folder / "cache"))}
        self.log = open(folder / "containerd.log", "wb")
        self.process = subprocess.Popen(
            [shutil.which("containerd", path=self.env["PATH"]), "--config", str(config)], env=self.env,
            stdout=self.log, stderr=self.log, start_new_session=True)
        end = time.monotonic() + 30
        while self.ctr("version", check=False).returncode != 0:
            if time.monotonic() > end or self.process.poll() is not None:
                raise TimeoutError((folder / "containerd.log").read_text()[-2000:])
            time.sleep(0.05)
        self.api = Api(self.address, namespace)

    def command(self, *words):
        return [shutil.which("ctr", path=self.env["PATH"]), "-a", self.address, "-n", self.namespace, *words]

    def ctr(self, *words, check=True):
        done = subprocess.run(self.command(*words), env=self.env, capture_output=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"ctr {' '.join(words)}: {done.stderr.decode()}")
        return done

    def version(self):
        done = subprocess.run(["containerd", "--version"], env=self.env, capture_output=True, text=True, check=True)
        return done.stdout.split()[2].lstrip("v").split("~")[0]

    def image(self, name, files, args):
        """An ordinary image of a few files. Return: what its root is a snapshot over."""
        archive = self.folder / "image.tar"
        layer = image_archive(archive, name, files, args)
        self.ctr("image", "import", str(archive))
        archive.unlink()
        return layer

    def artifact(self, name, wasm):
        """A component as `skep push` makes it by default."""
        config = json.dumps({"architecture": "wasm", "os": "wasip2", "layerDigests": [digest_of(wasm)]}).encode()
        parts = [(ARTIFACT_CONFIG, config), ("application/wasm", wasm)]
        listed = [{"mediaType": media, "digest": digest_of(data), "size": len(data)} for media, data in parts]
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": listed[0],
                               "layers": listed[1:]}).encode()
        for data in (config, wasm, manifest):
            self.api.write(data)
        self.api.call("images.v1.Images/Create", image={"name": name, "target": {
            "media_type": MANIFEST, "digest": digest_of(manifest), "size": len(manifest)}})

    def run(self, name, runtime, image, spec, layer=None):
        """A container that stays, started."""
        mounts = self.api.prepare(name, layer) if layer else []
        self.api.container(name, runtime, image, spec, name if mounts else "")
        self.api.call("tasks.v1.Tasks/Create", id=name, rootfs=mounts)
        self.api.call("tasks.v1.Tasks/Start", id=name)

    def end(self, name, snapshot=False):
        self.api.call("tasks.v1.Tasks/Kill", id=name, signal=signal.SIGKILL, all=True)
        self.api.call("tasks.v1.Tasks/Wait", id=name)
        self.api.call("tasks.v1.Tasks/Delete", id=name)
        self.api.call("containers.v1.Containers/Delete", id=name)
        if snapshot:
            self.api.call("snapshots.v1.Snapshots/Remove", snapshotter="overlayfs", key=name)

    def workers(self):
        """The pids of the worker processes of this containerd's skepd."""
        ours = set(daemons(self.state / "skep"))
        return [pid for pid in pids() if parent_and_name(pid)[1].startswith("skep-worker")
                and parent_and_name(pid)[0] in ours]

    def close(self):
        for pid in daemons(self.state / "skep"):
            os.kill(pid, signal.SIGTERM)  # nothing lives in it any more
        for pid in pids():
            if parent_and_name(pid)[1] == "floord" and serves(pid, self.env["FLOOR_SOCKET"]):
                os.kill(pid, signal.SIGTERM)
        self.api.close()
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        self.tidy()
        shutil.rmtree(self.state, ignore_errors=True)

    def tidy(self):
        """Empty folders which runc and containerd make for a namespace and leave to the next run."""
        for folder in (pathlib.Path("/run/containerd/runc") / self.namespace,
                       *pathlib.Path("/sys/fs/cgroup").glob(f"*/{self.namespace}"),
                       pathlib.Path("/sys/fs/cgroup") / self.namespace):
            try:
                folder.rmdir()
            except OSError:
                continue


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_and_name(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0, ""
    return int(text.rsplit(")", 1)[1].split()[1]), text.split("(", 1)[1].rsplit(")", 1)[0]


def serves(pid, path):
    """Does a process have the environment of the containerd that was given this path?"""
    try:
        return f"FLOOR_SOCKET={path}".encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def threads_of(containerd):
    """Engine threads of a worker, as it said itself when it began."""
    told = "".join(log.read_text(errors="replace") for log in (containerd.state / "skep").glob("*/skepd.log"))
    return int(re.findall(r"room for \d+ instances on (\d+) threads", told)[-1])


__all__ = ["Api", "BUILD", "BUSYBOX", "Containerd", "TOP", "guest", "threads_of"]
