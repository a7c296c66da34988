# SPDX-License-Identifier: Apache-2.0
"""A containerd that tests can hold in their hand: records, images and blobs behind its gRPC API, its
event service, and bundles as it makes them."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from concurrent import futures

import grpc

from protobuf import decode, encode
from ttrpc import Client, Closed, Events

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SKEP_BUILD", TOP / "build/release"))
ARTIFACT_CONFIG = "application/vnd.wasm.config.v0+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def guest(name):
    """The bytes of a test component: built by the tree or committed."""
    for place in (TOP / "test/guests/prebuilt" / f"{name}.wasm",):
        if place.exists():
            return place.read_bytes()
    raise FileNotFoundError(f"test/guests/prebuilt/{name}.wasm")


def daemons(state):
    """The pids of the skepd whose state is below a folder."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if words.startswith(b"skepd\0") and f"{state}/".encode() in words:
            found.append(int(entry.name))
    return found


class Store:
    """containerd's gRPC services that skep-images asks."""

    def __init__(self, folder):
        self.blobs = folder / "content"
        (self.blobs / "blobs/sha256").mkdir(parents=True)
        self.address = str(folder / "containerd.sock")
        self.containers = {}
        self.images = {}
        self.hide_root = False
        self.open()

    def open(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((self._handlers(),))
        self.server.add_insecure_port("unix:" + self.address)
        self.server.start()

    def close(self):
        self.server.stop(0).wait()

    def blob(self, data):
        digest = digest_of(data)
        (self.blobs / "blobs/sha256" / digest[7:]).write_bytes(data)
        return digest

    def image(self, name, config_type, config, layers):
        """layers: (media type, bytes). Return: the manifest's digest."""
        def described(media, data):
            return {"mediaType": media, "digest": self.blob(data), "size": len(data)}
        config_data = json.dumps(config).encode()
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": described(config_type, config_data),
            "layers": [described(media, data) for media, data in layers]}).encode()
        return self.target(name, MANIFEST, manifest)

    def target(self, name, media, data):
        digest = self.blob(data)
        self.images[name] = {"media_type": media, "digest": digest, "size": len(data)}
        return digest

    def artifact(self, name, wasm):
        return self.image(name, ARTIFACT_CONFIG,
                          {"architecture": "wasm", "os": "wasip2", "layerDigests": [digest_of(wasm)]},
                          [("application/wasm", wasm)])

    def layered(self, name, wasm):
        return self.image(name, IMAGE_CONFIG,
                          {"architecture": "amd64", "os": "linux", "config": {},
                           "rootfs": {"type": "layers", "diff_ids": []}},
                          [("application/wasm", wasm)])

    def _handlers(self):
        store = self

        def container(data, context):
            key = (dict(context.invocation_metadata()).get("containerd-namespace"),
                   decode("GetContainerRequest", data)["id"])
            if key not in store.containers:
                context.abort(grpc.StatusCode.NOT_FOUND, f"container {key[1]!r}: not found")
            return encode("GetContainerResponse", {"container": {
                "id": key[1], "image": store.containers[key], "runtime": {"name": "io.containerd.skep.v2"}}})

        def image(data, context):
            name = decode("GetImageRequest", data)["name"]
            if name not in store.images:
                context.abort(grpc.StatusCode.NOT_FOUND, f"image {name!r}: not found")
            return encode("GetImageResponse", {"image": {"name": name, "target": store.images[name]}})

        def info(data, context):
            digest = decode("InfoRequest", data)["digest"]
            path = store.blobs / "blobs/sha256" / digest[7:]
            if not path.exists():
                context.abort(grpc.StatusCode.NOT_FOUND, f"content {digest}: not found")
            return encode("InfoResponse", {"info": {"digest": digest, "size": path.stat().st_size}})

        def read(data, context):
            request = decode("ReadContentRequest", data)
            path = store.blobs / "blobs/sha256" / request["digest"][7:]
            if not path.exists():
                context.abort(grpc.StatusCode.NOT_FOUND, f"content {request['digest']}: not found")
            whole = path.read_bytes()
            end = request["offset"] + request["size"] if request["size"] else len(whole)
            for at in range(request["offset"], end, 1 << 20):
                yield encode("ReadContentResponse", {"offset": at, "data": whole[at:min(at + (1 << 20), end)]})

        def plugins(data, context):
            exports = [] if store.hide_root else [{"key": "root", "value": str(store.blobs)}]
            return encode("PluginsResponse", {"plugins": [
                {"type": "io.containerd.content.v1", "id": "content", "exports": exports}]})

        def version(data, context):
            return b""

        table = {
            "containers.v1.Containers/Get": grpc.unary_unary_rpc_method_handler(container),
            "images.v1.Images/Get": grpc.unary_unary_rpc_method_handler(image),
            "content.v1.Content/Info": grpc.unary_unary_rpc_method_handler(info),
            "content.v1.Content/Read": grpc.unary_stream_rpc_method_handler(read),
            "introspection.v1.Introspection/Plugins": grpc.unary_unary_rpc_method_handler(plugins),
            "version.v1.Version/Version": grpc.unary_unary_rpc_method_handler(version),
        }

        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                return table.get(details.method.removeprefix("/containerd.services."))

        return Handler()


def spec(args, env=(), mounts=(), namespaces=("pid", "ipc", "uts", "mount"), annotations=None,
         resources=None, cwd="/", **more):
    """An OCI spec as containerd makes it; namespaces are names or (name, path)."""
    listed = [{"type": item} if isinstance(item, str) else {"type": item[0], "path": item[1]}
              for item in namespaces]
    return {
        "ociVersion": "1.1.0",
        "process": {"user": {"uid": 0, "gid": 0}, "args": list(args), "env": list(env), "cwd": cwd,
                    "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]},
                    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
                    "noNewPrivileges": True},
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc",
                    "options": ["nosuid", "noexec", "nodev"]}, *mounts],
        "linux": {"namespaces": listed, "cgroupsPath": "/default/x",
                  "resources": {"devices": [{"allow": False, "access": "rwm"}], **(resources or {})}},
        "annotations": annotations or {},
        **more,
    }


class Task:
    """A container with its bundle, FIFOs and connection."""

    def __init__(self, node, name, config, namespace, stdio=True, version=None):
        self.node, self.id, self.namespace = node, name, namespace
        self.version = version or node.version
        self.bundle = node.folder / "bundles" / namespace / name
        (self.bundle / "rootfs").mkdir(parents=True)
        text = config if isinstance(config, (bytes, str)) else json.dumps(config)
        (self.bundle / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        self.paths = {"stdin": "", "stdout": "", "stderr": ""}
        self.readers = {}
        if stdio:
            for stream in ("stdout", "stderr"):
                path = self.bundle / f"{name}-{stream}"
                os.mkfifo(path)
                self.paths[stream] = str(path)
                self.readers[stream] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.client = None
        self.address = None

    def launch(self, action="start", **options):
        return self.node.launch(action, self.id, self.namespace, cwd=self.bundle, **options)

    def start_shim(self):
        done = self.launch()
        if done.returncode != 0:
            raise RuntimeError((done.stdout + done.stderr).decode())
        assert done.stderr == b"", done.stderr
        self.address = done.stdout.decode().strip()
        self.client = Client(self.address, self.namespace, self.version)
        return self

    def call(self, method, **values):
        return self.client.call(method, id=self.id, **values)

    def send(self, method, **values):
        return self.client.send(method, id=self.id, **values)

    def create(self, **values):
        return self.call("Create", bundle=str(self.bundle), **{**self.paths, **values})

    def start(self):
        return self.call("Start")

    def run(self):
        self.start_shim()
        self.create()
        return self.start()

    def wait(self):
        return self.call("Wait")["exit_status"]

    def output(self, stream="stdout", timeout=60):
        """All that was written, up to the end of the stream."""
        end = time.monotonic() + timeout
        data = b""
        fd = self.readers[stream]
        os.set_blocking(fd, False)
        while True:
            try:
                more = os.read(fd, 65536)
                if not more:
                    return data
                data += more
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError(f"{stream} of {self.id} does not end: {data[-300:]!r}") from None
                time.sleep(0.005)

    def finish(self):
        """As containerd ends a task: Delete, Shutdown, close, the delete binary."""
        answer = self.call("Delete")
        try:
            self.call("Shutdown")
        except Closed:
            pass  # a shim of its own may end at once
        self.client.close()
        self.launch("delete")
        self.forget()
        return answer

    def forget(self):
        for fd in self.readers.values():
            os.close(fd)
        self.readers = {}
        shutil.rmtree(self.bundle, ignore_errors=True)
        self.node.tasks.discard(self)


class Node:
    """A machine with one containerd, as far as a shim can see it."""

    def __init__(self, cache, version="v2"):
        self.version = version
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="skep-node-"))
        self.store = Store(self.folder)
        self.ttrpc_address = str(self.folder / "containerd.sock.ttrpc")
        self.events = Events(self.ttrpc_address)
        self.state = self.folder / "s"
        self.env = {"PATH": os.environ["PATH"], "TTRPC_ADDRESS": self.ttrpc_address,
                    "GRPC_ADDRESS": self.store.address, "SKEP_STATE_DIR": str(self.state),
                    "SKEP_CACHE_DIR": str(cache), "MAX_SHIM_VERSION": "2", "SKEP_IDLE_SECONDS": "600"}
        self.launcher = str(BUILD / "bin/containerd-shim-skep-v2")
        self.tasks = set()
        self.count = 0

    def launch(self, action, name, namespace="default", cwd=None, stdin=b"", words=(), env=None, program=None):
        command = [program or self.launcher, "-namespace", namespace, "-address", self.store.address,
                   "-publish-binary", "/usr/bin/containerd", "-id", name, *words]
        if action == "delete":
            command += ["-bundle", str(cwd)]
        return subprocess.run([*command, action], cwd=cwd, input=stdin, env={**self.env, **(env or {})},
                              capture_output=True, timeout=60, check=False)

    def task(self, wasm, args=("x",), name=None, namespace="default", form="artifact", config=None,
             stdio=True, version=None, **options):
        """A container of a component, not yet started."""
        self.count += 1
        name = name or f"c{self.count}"
        image = f"registry/{name}:{self.count}"
        if wasm is not None:
            data = guest(wasm) if isinstance(wasm, str) else wasm
            getattr(self.store, "artifact" if form == "artifact" else "layered")(image, data)
            self.store.containers[(namespace, name)] = image
        task = Task(self, name, config if config is not None else spec(args, **options), namespace,
                    stdio, version)
        self.tasks.add(task)
        return task

    def daemon(self):
        """The pid of skepd, 0 when there is none."""
        return next(iter(self.processes("skepd")), 0)

    def processes(self, program):
        """Processes of a program that belong to this node."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if words[0].decode(errors="replace").rsplit("/", 1)[-1].split(" ")[0] != program or state[0] == "Z":
                continue
            if str(self.state) in b" ".join(words).decode(errors="replace") or int(state[1]) in self._daemons():
                found.append(int(entry.name))
        return found

    def _daemons(self):
        return daemons(self.state)

    def close(self):
        for task in list(self.tasks):
            if task.client:
                task.client.close()
            task.launch("delete")
            task.forget()
        for pid in self._daemons():
            os.kill(pid, 9)
        self.events.close()
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)
