# SPDX-License-Identifier: Apache-2.0
"""skep-images against a containerd that we play: every form, every refusal, every failure."""
import fcntl
import json
import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

from containerd import ARTIFACT_CONFIG, IMAGE_CONFIG, MANIFEST, Store, digest_of  # noqa: E402
from images import BUILD, FIND, Images  # noqa: E402

pytestmark = pytest.mark.skipif(not (BUILD / "bin/skep-images").exists(), reason="not built")
WASM = b"\0asm\x0d\0\1\0" + b"component"
INDEX = "application/vnd.oci.image.index.v1+json"
F_GET_SEALS, SEALS = 1034, 0xF
INVALID, NOT_FOUND, LIMIT, UNSUPPORTED, UNAVAILABLE = 1, 2, 5, 7, 9


@pytest.fixture
def store():
    with tempfile.TemporaryDirectory(prefix="skep-images-") as folder:
        os.chmod(folder, 0o755)
        made = Store(pathlib.Path(folder))
        yield made
        made.close()


@pytest.fixture
def images(store):
    made = Images(store.address)
    yield made
    made.close()


def container(store, name, image="r.io/a:1", space="default"):
    store.containers[(space, name)] = image
    return name


def test_an_artifact_gives_sealed_bytes(store, images):
    manifest = store.artifact("r.io/a:1", WASM)
    answer = images.find(container(store, "c1"))
    assert (answer.form, answer.manifest, answer.component) == ("artifact", manifest, digest_of(WASM))
    assert fcntl.fcntl(answer.fd, F_GET_SEALS) == SEALS
    assert answer.bytes() == WASM


def test_a_layer_in_an_image_gives_its_bytes(store, images):
    store.layered("r.io/a:1", WASM)
    answer = images.find(container(store, "c1"))
    assert answer.form == "layer" and answer.bytes() == WASM


def test_a_tar_image_gives_no_bytes(store, images):
    store.image("r.io/a:1", IMAGE_CONFIG, {}, [("application/vnd.oci.image.layer.v1.tar", b"tar")])
    answer = images.find(container(store, "c1"))
    assert (answer.form, answer.component, answer.fd) == ("tar", "", None)


def test_a_container_without_an_image_is_said_so(store, images):
    answer = images.find(container(store, "c1", ""))
    assert (answer.form, answer.manifest, answer.fd) == ("none", "", None)


def test_blobs_are_streamed_when_the_folder_is_not_known(store):
    store.hide_root = True
    wasm = WASM + os.urandom(3 << 20)
    store.artifact("r.io/a:1", wasm)
    images = Images(store.address)
    assert images.find(container(store, "c1")).bytes() == wasm
    images.close()


def test_namespaces_are_kept_apart(store, images):
    store.artifact("r.io/a:1", WASM)
    container(store, "c1", space="one")
    assert images.find("c1", "one").bytes() == WASM
    assert images.find("c1", "two").kind == NOT_FOUND


def test_an_index_is_resolved_to_what_is_there(store, images):
    digest = store.artifact("inner", WASM)
    size = store.images["inner"]["size"]
    absent = "sha256:" + "0" * 64
    store.target("r.io/a:1", INDEX, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": MANIFEST, "digest": absent, "size": 7,
         "platform": {"os": "linux", "architecture": "amd64"}},
        {"mediaType": MANIFEST, "digest": digest, "size": size,
         "platform": {"os": "wasi", "architecture": "wasm"}}]}).encode())
    answer = images.find(container(store, "c1"))
    assert answer.manifest == digest and answer.bytes() == WASM


@pytest.mark.parametrize("config, layers, kind, part", [
    (ARTIFACT_CONFIG, [("application/wasm", WASM)] * 2, UNSUPPORTED, "has 2 layers"),
    (ARTIFACT_CONFIG, [("application/wasm", b"#!/bin/sh")], INVALID, "is not WebAssembly"),
    (IMAGE_CONFIG, [("application/vnd.wasm.content.layer.v1+wasm", WASM),
                    ("application/vnd.fermyon.spin.application.v1+config", b"{}")],
     UNSUPPORTED, "a Spin application"),
    ("application/vnd.cncf.helm.config.v1+json", [("a/b", b"x")], UNSUPPORTED, "a Helm chart"),
])
def test_what_cannot_run_is_refused_by_name(store, images, config, layers, kind, part):
    store.image("r.io/a:1", config, {}, layers)
    answer = images.find(container(store, "c1"))
    assert answer.failed and answer.kind == kind
    assert answer.text.startswith("read image r.io/a:1: ") and part in answer.text


@pytest.mark.parametrize("hide", [False, True])
def test_other_bytes_under_a_digest_are_refused(store, hide):
    store.hide_root = hide
    store.artifact("r.io/a:1", WASM)
    images = Images(store.address)
    path = store.blobs / "blobs/sha256" / digest_of(WASM)[7:]
    path.write_bytes(WASM[:-1] + b"T")
    answer = images.find(container(store, "c1"))
    assert answer.kind == INVALID and "but its bytes have sha256:" in answer.text
    path.write_bytes(WASM + b"!")
    assert "longer than the 17 bytes" in images.find("c1").text
    path.write_bytes(WASM[:-1])
    assert "has 16 bytes instead of the promised 17" in images.find("c1").text
    path.write_bytes(WASM)
    assert images.find("c1").bytes() == WASM
    images.close()


def test_garbage_manifests_are_named(store, images):
    for data, part in [(b"{", "is not JSON"), (b"[" * 5000, "nested deeper"), (b"[]", "an object"),
                       (b" " * (4 << 20) + b"{}", "at most 4194304")]:
        store.target("r.io/a:1", MANIFEST, data)
        answer = images.find(container(store, "c1"))
        assert answer.failed and part in answer.text


def test_a_blob_that_is_gone_is_not_found(store, images):
    store.artifact("r.io/a:1", WASM)
    (store.blobs / "blobs/sha256" / digest_of(WASM)[7:]).unlink()
    answer = images.find(container(store, "c1"))
    assert answer.kind == NOT_FOUND and "read the layer" in answer.text


def test_files_are_hashed(store, images, tmp_path):
    path = tmp_path / "a.wasm"
    path.write_bytes(WASM)
    answer = images.hash(path)
    assert (answer.form, answer.component) == ("tar", digest_of(WASM))
    assert answer.bytes() == WASM
    path.write_bytes(b"\x7fELF")
    assert "is not WebAssembly" in images.hash(path).text
    with open(path, "wb") as file:
        file.truncate((512 << 20) + 1)
    assert images.hash(path).kind == LIMIT


def test_a_thousand_questions_at_once_are_each_answered(store, images):
    store.artifact("r.io/a:1", WASM)
    for number in range(100):
        container(store, f"c{number}")
    asked = {images.ask(FIND, "default", f"c{number % 100}") for number in range(300)}
    inodes = set()
    for _ in range(300):
        answer = images.answer()
        asked.remove(answer.id)
        inodes.add(os.fstat(answer.fd).st_ino)
        os.close(answer.fd)
    assert not asked and len(inodes) == 1


def test_it_ends_when_containerd_ends_so_that_it_is_started_anew(store):
    images = Images(store.address)
    assert images.find("c0").kind == NOT_FOUND
    store.close()
    assert images.ended() == 0
    images.close()
    store.open()


def test_without_containerd_it_says_why_and_ends(tmp_path):
    images = Images(str(tmp_path / "absent.sock"))
    answer = images.find("c0")
    assert answer.kind == UNAVAILABLE
    assert answer.text == f"connect to containerd at {tmp_path}/absent.sock: No such file or directory"
    assert images.ended() == 0
    images.close()


def test_a_packet_that_is_no_question_ends_it(store):
    images = Images(store.address)
    images.socket.send(b"hello")
    assert images.answer() is None
    assert images.ended() == 0
    images.close()


def test_it_has_given_up_its_rights(store, images):
    images.find("c0")
    status = pathlib.Path(f"/proc/{images.process.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    if os.geteuid() == 0:
        assert fields["Uid"].split() == ["64203"] * 4
        assert {fields[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
