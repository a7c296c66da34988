# SPDX-License-Identifier: Apache-2.0
"""Components of one pod that are linked to each other: a vault asks a database with a token of its own,
a reader imports it and has neither."""
import http.server
import subprocess
import threading
import time

import pytest

from containerd import BUILD


STORE = "acme:vault/secret-store@1.0.0"
CRI = "io.kubernetes.cri."


def composes():
    done = subprocess.run([BUILD / "bin/skep-compiler"], capture_output=True, check=False)
    return b"--parts" in done.stderr


pytestmark = pytest.mark.skipif((BUILD / "bin/skep-compiler").exists() and not composes(),
                                reason="skep-compiler does not link components yet")


class Database:
    """Knows one secret and who may ask for it."""

    def __init__(self):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers.get("authorization")))
                self.send_response(200)
                self.send_header("Content-Length", "6")
                self.end_headers()
                self.wfile.write(b"sesame")

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def database():
    made = Database()
    yield made
    made.close()


class Pod:
    count = 0

    def __init__(self, node, folder, database):
        Pod.count += 1
        self.node, self.database, self.id = node, database, f"pod{Pod.count}"
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        (self.secrets / "token").write_text("t0ken\n")

    def container(self, wasm, name, args, annotations=None, pod=None, **options):
        told = {CRI + "container-type": "container", CRI + "sandbox-id": pod or self.id,
                CRI + "container-name": name, **(annotations or {})}
        return self.node.task(wasm, args=args, name=f"{self.id}-{name}", annotations=told, **options)

    def vault(self, name="vault", **options):
        mount = {"destination": "/secrets", "type": "bind", "source": str(self.secrets),
                 "options": ["rbind", "ro"]}
        return self.container("vault", name, ["vault"], env=[f"DATABASE={self.database.address}"],
                              mounts=[mount], **options)

    def reader(self, *words, name="reader", wait="20s"):
        return self.container("reader", name, ["reader", *words],
                              annotations={"skep.dev/network": "none", "skep.dev/link-wait": wait})


@pytest.fixture
def pod(node, tmp_path, database):
    return Pod(node, tmp_path, database)


def end(task):
    status = task.wait()
    task.call("Delete")
    return status


def test_a_consumer_is_linked_with_its_provider_and_each_has_its_own(pod):
    vault, reader = pod.vault(), pod.reader("get", "door")
    vault.run()
    reader.run()
    assert reader.output() == b"sesame\n"
    assert end(reader) == 0
    assert reader.output("stderr") == b""
    assert pod.database.asked == [("/secrets/door", "Bearer t0ken")]
    vault.call("Kill", signal=9)
    assert end(vault) == 137
    assert vault.output("stderr") == b"vault: door was handed out\n"


def test_the_consumer_has_nothing_of_its_provider(pod):
    vault, reader = pod.vault(), pod.reader("try", pod.database.address)
    vault.run()
    reader.run()
    text = reader.output().decode()
    assert end(reader) == 0
    assert "GOT" not in text and text.count("denied") == 4, text
    assert pod.database.asked == []
    vault.call("Kill", signal=9)
    end(vault)


def test_a_consumer_that_starts_first_waits_for_its_provider(pod):
    vault, reader = pod.vault(), pod.reader("get", "door")
    reader.run()
    assert reader.call("State")["status"] == 2
    time.sleep(0.3)
    assert reader.call("State")["status"] == 2
    vault.run()
    assert reader.output() == b"sesame\n"
    assert end(reader) == 0
    said = reader.output("stderr").decode()
    assert said.startswith("skep: waits to be linked: ") and STORE in said
    vault.call("Kill", signal=15)
    assert end(vault) == 143


def test_one_that_waits_in_vain_names_what_is_missing(pod):
    vault, reader = pod.vault(pod="another"), pod.reader("get", "door", wait="100ms")
    vault.run()
    reader.run()
    assert end(reader) == 128
    assert STORE in reader.output("stderr").decode()
    vault.call("Kill", signal=9)
    end(vault)


def test_one_that_waits_can_be_killed(pod):
    reader = pod.reader("get", "door")
    reader.run()
    reader.call("Kill", signal=9)
    assert end(reader) == 137


def test_several_consumers_share_a_provider(pod):
    vault = pod.vault()
    vault.run()
    readers = [pod.reader("get", "door", name=f"reader{at}") for at in range(3)]
    for reader in readers:
        reader.run()
    for reader in readers:
        assert reader.output() == b"sesame\n"
        assert end(reader) == 0
    vault.call("Kill", signal=9)
    end(vault)
    assert vault.output("stderr") == 3 * b"vault: door was handed out\n"
