# SPDX-License-Identifier: Apache-2.0
"""skep inspect on files and on images, and images going through a real registry and skopeo."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request

import pytest

TOP = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("SKEP_BUILD", TOP / "build/release"))
GUESTS = TOP / "test/guests/prebuilt"
FORMS = ["artifact", "image", "tar"]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

pytestmark = pytest.mark.skipif(not (BUILD / "bin/skep").exists(), reason="not built")


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def skep(*words):
    return subprocess.run([BUILD / "bin/skep", *words], capture_output=True, text=True, timeout=60,
                          check=False, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})


def inspect(subject):
    done = skep("inspect", "--json", str(subject))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is not installed")
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '{host}'}}\n")
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log,
                                   stderr=log)
    end = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"http://{host}/v2/", timeout=5).close()
            break
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < end and process.poll() is None, "the registry does not start"
    yield host
    process.terminate()
    process.wait(20)


def put(host, repository, config_type, config, layers):
    """An image by hand. Return: its reference."""
    def blob(data, media):
        digest = digest_of(data)
        begun = urllib.request.urlopen(urllib.request.Request(
            f"http://{host}/v2/{repository}/blobs/uploads/", data=b"", method="POST"), timeout=10)
        urllib.request.urlopen(urllib.request.Request(
            begun.headers["Location"] + f"&digest={digest}", data=data, method="PUT",
            headers={"Content-Type": "application/octet-stream"}), timeout=10).close()
        return {"mediaType": media, "digest": digest, "size": len(data)}

    manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": blob(json.dumps(config).encode(), config_type),
                "layers": [blob(data, media) for media, data in layers]}
    urllib.request.urlopen(urllib.request.Request(
        f"http://{host}/v2/{repository}/manifests/1", data=json.dumps(manifest).encode(), method="PUT",
        headers={"Content-Type": MANIFEST}), timeout=10).close()
    return f"{host}/{repository}:1"


def pushed(host, form, guest="server"):
    reference = f"{host}/{guest}-{form}:1"
    done = skep("push", "--format", form, str(GUESTS / f"{guest}.wasm"), reference)
    assert done.returncode == 0, done.stderr
    return reference


def test_a_server_is_described():
    data = (GUESTS / "server.wasm").read_bytes()
    about = inspect(GUESTS / "server.wasm")
    assert (about["kind"], about["role"], about["size"]) == ("component", "server", len(data))
    assert about["component"] == digest_of(data)
    assert about["world"].startswith("wasi:http/proxy@0.2")
    assert any(name.startswith("wasi:http/incoming-handler@") for name in about["exports"])
    assert about["imports"] == sorted(about["imports"])
    assert any("8080" in need for need in about["needs"])


def test_what_another_container_must_export_is_named():
    about = inspect(GUESTS / "missing.wasm")
    links = [need for need in about["needs"] if need.startswith("a link: ")]
    assert links == ["a link: another container of the pod must export acme:vault/store@1.0.0"]


def test_text_holds_what_json_holds():
    about = inspect(GUESTS / "server.wasm")
    text = skep("inspect", str(GUESTS / "server.wasm")).stdout
    for word in [about["component"], about["world"], about["role"], *about["imports"], *about["exports"],
                 *about["needs"]]:
        assert word in text


def test_what_is_no_component_is_refused(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut").write_bytes((GUESTS / "server.wasm").read_bytes()[:1000])
    for subject, part in [(tmp_path / "empty", "is empty"), (tmp_path / "cut", "the file is truncated"),
                          (tmp_path / "absent", "No such file"), (__file__, "is not WebAssembly"),
                          ("nginx:1", "names no registry"), (tmp_path, "must be a file")]:
        done = skep("inspect", str(subject))
        assert done.returncode != 0 and part in done.stderr, done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize("form", FORMS)
def test_an_image_is_described_with_its_component(registry, form):
    about = inspect(pushed(registry, form))
    of_file = inspect(GUESTS / "server.wasm")
    assert about["form"] == form
    assert {key: about[key] for key in ("component", "imports", "exports", "role", "world")} == \
        {key: of_file[key] for key in ("component", "imports", "exports", "role", "world")}
    assert any("must set command" in need for need in about["needs"]) == (form == "artifact")
    assert about["entrypoint"] == {"artifact": "", "image": "server.wasm", "tar": "/server.wasm"}[form]


@pytest.mark.parametrize("form", FORMS)
def test_what_skopeo_copies_is_read_again(registry, form, tmp_path):
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    reference = pushed(registry, form)
    copied = f"{registry}/copied-{form}:1"
    subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false",
                    "--dest-tls-verify=false", f"docker://{reference}", f"docker://{copied}"], check=True)
    if form != "tar":  # skopeo compresses layers of files
        assert inspect(copied)["manifest"] == inspect(reference)["manifest"]
    done = skep("pull", copied, str(tmp_path / "out.wasm"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.wasm").read_bytes() == (GUESTS / "server.wasm").read_bytes()


def packed(path, data):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as out:
        about = tarfile.TarInfo(path)
        about.size = len(data)
        out.addfile(about, io.BytesIO(data))
    return tar.getvalue()


IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def layered(host, name, data, compression):
    return put(host, name, IMAGE_CONFIG,
               {"os": "linux", "architecture": "amd64", "config": {"Entrypoint": ["/app.wasm"]}},
               [(LAYER + compression, data)])


def test_a_component_in_a_zipped_layer_is_found(registry):
    data = (GUESTS / "hello-component.wasm").read_bytes()
    reference = layered(registry, "gzip", gzip.compress(packed("app.wasm", data)), "+gzip")
    assert inspect(reference)["component"] == digest_of(data)


def test_a_layer_that_cannot_be_opened_is_said_so(registry):
    reference = layered(registry, "zstd", b"(\xb5/\xfd", "+zstd")
    about = inspect(reference)
    assert about["form"] == "tar" and "component" not in about
    done = skep("pull", reference, "/nonexistent/x")
    assert done.returncode == 1 and "that can be opened (tar, gzip)" in done.stderr


def test_damaged_and_exploding_layers_are_refused(registry):
    whole = gzip.compress(packed("app.wasm", b"x" * 5000))
    for name, data, part in [("cut", whole[:-9], "it is cut short"), ("bad", whole[:20] + b"zzzz", "damaged"),
                             ("bomb", gzip.compress(bytes((512 << 20) + 1), 1), "holds more than is read")]:
        done = skep("inspect", layered(registry, name, data, "+gzip"))
        assert done.returncode == 1 or done.returncode == 2
        assert part in done.stderr, done.stderr


def test_the_top_layer_counts(registry):
    old, new = ((GUESTS / f"{name}.wasm").read_bytes() for name in ("hello-component", "server"))
    reference = put(registry, "layers", IMAGE_CONFIG,
                    {"os": "linux", "architecture": "amd64", "config": {"Cmd": ["app.wasm"]}},
                    [(LAYER, packed("app.wasm", old)), (LAYER, packed("./app.wasm", new))])
    assert inspect(reference)["component"] == digest_of(new)


@pytest.mark.parametrize("config_type", ["application/vnd.oci.empty.v1+json",
                                         "application/vnd.wasm.config.v1+json"])
def test_layouts_of_other_tools_are_read(registry, config_type):
    data = (GUESTS / "hello-component.wasm").read_bytes()
    reference = put(registry, "other", config_type, {}, [("application/vnd.wasm.content.layer.v1+wasm", data)])
    assert inspect(reference)["component"] == digest_of(data)


def test_a_spin_application_is_refused_by_name(registry):
    reference = put(registry, "spin", IMAGE_CONFIG, {},
                    [("application/vnd.wasm.content.layer.v1+wasm", b"x"),
                     ("application/vnd.fermyon.spin.application.v1+config", b"{}")])
    done = skep("inspect", reference)
    assert "this is a Spin application; containerd-shim-spin runs those" in done.stderr


def test_control_bytes_of_an_image_do_not_reach_the_terminal(registry):
    data = (GUESTS / "hello-component.wasm").read_bytes()
    reference = put(registry, "control", "application/vnd.wasm.config.v0+json",
                    {"os": "wasip2", "architecture": "wasm", "created": "\x1b]0;title\x07"},
                    [("application/wasm", data)])
    assert "\x1b" not in skep("inspect", reference).stdout
    assert inspect(reference)["created"] == "\x1b]0;title\x07"


@pytest.mark.skipif(not (BUILD / "bin/skep-compiler").exists(), reason="skep-compiler is not built")
def test_the_compiler_is_asked_when_told_to():
    done = skep("inspect", "--json", "--compile", str(GUESTS / "missing.wasm"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["compiled"]
    assert told["unknown"] == ["acme:vault/store@1.0.0"] and told["code_bytes"] > 0
