# SPDX-License-Identifier: Apache-2.0
"""skep-images and a real containerd with root, state and sockets in a folder of its own."""
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

import grpc  # noqa: E402
from images import BUILD, Images  # noqa: E402
from protobuf import TABLE, encode  # noqa: E402

TABLE.setdefault("CreateContainerRequest", {"container": (1, "Container")})
pytestmark = [
    pytest.mark.skipif(not (BUILD / "bin/skep-images").exists(), reason="not built"),
    pytest.mark.skipif(os.geteuid() != 0, reason="containerd needs root"),
    pytest.mark.skipif(not shutil.which("containerd"), reason="containerd is not installed"),
]
WASM = b"\0asm\x0d\0\1\0" + b"component"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
WASM_CONFIG = "application/vnd.wasm.config.v0+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
CONFIG = """version = 2
root = "{0}/root"
state = "{0}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{0}/containerd.sock"
[ttrpc]
  address = "{0}/ttrpc.sock"
"""


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Containerd:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="skep-containerd-")
        os.chmod(self.folder, 0o755)
        self.address = f"{self.folder}/containerd.sock"
        pathlib.Path(self.folder, "config.toml").write_text(CONFIG.format(self.folder))
        self.start()

    def start(self):
        self.log = open(f"{self.folder}/log", "ab")
        self.process = subprocess.Popen(["containerd", "-c", f"{self.folder}/config.toml"],
                                        stdout=self.log, stderr=self.log)
        end = time.monotonic() + 30
        while subprocess.run(["ctr", "-a", self.address, "version"], capture_output=True,
                             check=False).returncode != 0:
            assert time.monotonic() < end and self.process.poll() is None, "containerd does not start"
        self.channel = grpc.insecure_channel("unix:" + self.address)

    def stop(self):
        self.channel.close()
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder)

    def ctr(self, *words, **options):
        return subprocess.run(["ctr", "-a", self.address, *words], check=True, capture_output=True,
                              **options).stdout

    def load(self, name, config_type, config, layers, platforms=()):
        """An image as `ctr images import` takes it: an OCI layout in a tar."""
        blobs = {}

        def blob(media, data):
            blobs[digest_of(data)] = data
            return {"mediaType": media, "digest": digest_of(data), "size": len(data)}

        manifest = blob(MANIFEST, json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": blob(config_type, json.dumps(config).encode()),
            "layers": [blob(*layer) for layer in layers]}).encode())
        top = manifest
        if platforms:
            top = blob(INDEX, json.dumps({
                "schemaVersion": 2, "mediaType": INDEX,
                "manifests": [{**manifest, "platform": platform} for platform in platforms]}).encode())
        files = {f"blobs/sha256/{digest[7:]}": data for digest, data in blobs.items()}
        files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
        files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [
            {**top, "annotations": {"io.containerd.image.name": name}}]}).encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path, data in files.items():
                about = tarfile.TarInfo(path)
                about.size = len(data)
                tar.addfile(about, io.BytesIO(data))
        self.ctr("images", "import", "--all-platforms", "--no-unpack", "-", input=packed.getvalue())
        return manifest["digest"]

    def container(self, name, image, space="default"):
        call = self.channel.unary_unary("/containerd.services.containers.v1.Containers/Create")
        call(encode("CreateContainerRequest", {"container": {
            "id": name, "image": image, "runtime": {"name": "io.containerd.skep.v2"},
            "spec": {"type_url": "types.containerd.io/opencontainers/runtime-spec/1/Spec",
                     "value": b"{}"}}}), metadata=[("containerd-namespace", space)], timeout=10)
        return name


@pytest.fixture(scope="module")
def containerd():
    made = Containerd()
    yield made
    made.close()


@pytest.fixture
def images(containerd):
    made = Images(containerd.address)
    yield made
    made.close()


def test_an_artifact_is_found(containerd, images):
    manifest = containerd.load("r.io/artifact:1", WASM_CONFIG, {"os": "wasip2"},
                               [("application/wasm", WASM)])
    answer = images.find(containerd.container("artifact", "r.io/artifact:1"))
    assert (answer.form, answer.manifest, answer.component) == ("artifact", manifest, digest_of(WASM))
    assert answer.bytes() == WASM


def test_a_wasm_layer_behind_an_index_is_found(containerd, images):
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    manifest = containerd.load("r.io/layer:1", IMAGE_CONFIG,
                               {"os": "linux", "architecture": machine,
                                "rootfs": {"type": "layers", "diff_ids": []}},
                               [("application/wasm", WASM)],
                               [{"os": "linux", "architecture": machine}])
    answer = images.find(containerd.container("layer", "r.io/layer:1"))
    assert (answer.form, answer.manifest) == ("layer", manifest)
    assert answer.bytes() == WASM


def test_a_native_image_is_tar(containerd, images):
    containerd.load("r.io/native:1", IMAGE_CONFIG, {"os": "linux", "architecture": "amd64"},
                    [("application/vnd.oci.image.layer.v1.tar", b"\0" * 1024)])
    assert images.find(containerd.container("native", "r.io/native:1")).form == "tar"


def test_no_image_an_unknown_one_and_no_container_are_told_apart(containerd, images):
    assert images.find(containerd.container("bare", "")).form == "none"
    answer = images.find(containerd.container("orphan", "r.io/gone:1"))
    assert answer.text.startswith("read image r.io/gone:1: containerd says: ")
    answer = images.find("nobody")
    assert answer.text.startswith("find container nobody: containerd says: ")


def test_the_folder_of_the_blobs_was_opened_before_rights_were_given_up(containerd, images):
    assert images.find("artifact").bytes() == WASM
    fds = f"/proc/{images.process.pid}/fd"
    links = [os.readlink(f"{fds}/{fd}") for fd in os.listdir(fds)]
    assert f"{containerd.folder}/root/io.containerd.content.v1.content" in links


def test_a_restart_of_containerd_ends_it_and_the_next_one_serves(containerd):
    images = Images(containerd.address)
    assert images.find("artifact").bytes() == WASM
    containerd.stop()
    assert images.ended() == 0
    images.close()
    containerd.start()
    images = Images(containerd.address)
    assert images.find("artifact").bytes() == WASM
    images.close()
