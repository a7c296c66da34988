# SPDX-License-Identifier: Apache-2.0
"""skep link and skep inspect --graph: several files, and what comes out of them, run."""
import http.server
import os
import pathlib
import subprocess
import threading
import xml.etree.ElementTree

import pytest

TOP = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("SKEP_BUILD", TOP / "build/release")) / "bin"
GUESTS = TOP / "test/guests/prebuilt"
STORE = b"acme:vault/secret-store@1.0.0"
DEADLINE = 120

pytestmark = pytest.mark.skipif(
    not all((BIN / name).exists() for name in ("skep", "skep-compiler")),
    reason="skep or skep-compiler is not built")


def skep(*words):
    return subprocess.run([BIN / "skep", *map(str, words)], capture_output=True, text=True,
                          timeout=DEADLINE, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")})


def sentence(*words):
    done = skep(*words)
    assert done.returncode != 0
    assert done.stderr.startswith("skep: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr[len("skep: "):-1]


@pytest.fixture(name="guest")
def make_guest(tmp_path):
    """A guest under a name of its own, with other names inside: all of the same length."""
    def make(name, called, *changes):
        data = (GUESTS / f"{name}.wasm").read_bytes()
        for old, new in changes:
            assert old in data and len(old) == len(new)
            data = data.replace(old, new)
        path = tmp_path / f"{called}.wasm"
        path.write_bytes(data)
        return path
    return make


@pytest.fixture(name="database")
def serve_database():
    """What the vault asks. Yields its address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            told = self.headers["authorization"] == "Bearer t0ken" and self.path == "/secrets/password"
            self.send_response(200 if told else 404)
            self.end_headers()
            self.wfile.write(b"hunter2" if told else b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.skipif(not (BIN / "skep-worker").exists(), reason="skep-worker is not built")
def test_a_resource_of_one_component_is_used_by_another(guest, database, tmp_path):
    out = tmp_path / "out.wasm"
    done = skep("link", guest("reader", "app"), guest("vault", "vault"), "-o", out)
    assert done.returncode == 0, done.stderr
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/token").write_text("t0ken\n")
    run = ("run", "--net", "host", "--env", f"DATABASE={database}", "--dir",
           f"{tmp_path}/secrets:/secrets:ro", "--cache", tmp_path / "cache", out)
    done = skep(*run, "get", "password")
    assert (done.returncode, done.stdout) == (0, "hunter2\n"), done.stderr
    assert "vault: password was handed out" in done.stderr
    done = skep(*run, "hold", "500", "password")
    assert done.stdout == "500 secrets, 3500 bytes\n", done.stderr
    done = skep(*run, "get", "nothing")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr


def test_the_same_files_give_the_same_bytes(guest, tmp_path):
    files = guest("reader", "app"), guest("vault", "vault")
    for name in ("one", "two"):
        done = skep("link", *files, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_one_that_nobody_imports_from_is_a_mistake(guest, tmp_path):
    out = tmp_path / "out.wasm"
    other = guest("vault", "vault", (b"acme:vault/secret-store", b"acme:fault/secret-store"))
    assert sentence("link", guest("reader", "app"), other, "-o", out) == \
        "vault exports nothing that the others import"
    assert not out.exists()


@pytest.mark.parametrize("wanted, had, words", [
    (b"1.2.0", b"1.1.9", "app imports acme:vault/secret-store@1.2.0, and vault exports only the older"
                         " acme:vault/secret-store@1.1.9"),
    (b"1.0.0", b"2.0.0", "app imports acme:vault/secret-store@1.0.0, and vault exports another version of it,"
                         " acme:vault/secret-store@2.0.0")])
def test_versions_that_do_not_fit_are_said(guest, tmp_path, wanted, had, words):
    app = guest("reader", "app", (STORE, STORE.replace(b"1.0.0", wanted)))
    vault = guest("vault", "vault", (STORE, STORE.replace(b"1.0.0", had)))
    assert sentence("link", app, vault, "-o", tmp_path / "out") == words
    assert sentence("inspect", "--graph", app, vault) == words


def test_two_providers_are_named(guest, tmp_path):
    files = guest("reader", "app"), guest("vault", "one"), guest("vault", "two")
    assert sentence("link", *files, "-o", tmp_path / "out") == \
        f"app imports {STORE.decode()}, and both one and two export it"


def test_another_type_is_said_with_both_names(guest, tmp_path):
    vault = guest("vault", "vault", (b"expose", b"reveal"))
    said = sentence("link", guest("reader", "app"), vault, "-o", tmp_path / "out")
    assert said.startswith(f"app imports {STORE.decode()}, and what vault exports"), said
    assert "another type" in said and "[method]secret.expose" in said


def test_names_of_slots_are_refused(guest, tmp_path):
    app = guest("missing", "app", (b"acme:vault/store", b"c1-e:vault/store"))
    said = sentence("link", app, guest("vault", "vault"), "-o", tmp_path / "out")
    assert "imports c1-e:vault/store@1.0.0: names of the form cN-" in said


def test_command_lines_that_make_no_sense_are_refused(guest, tmp_path):
    app = guest("reader", "app")
    assert "usage: skep link" in sentence("link", app, "-o", tmp_path / "out")
    assert "usage: skep link" in sentence("link", app, app)
    assert "at most 64" in sentence("link", *[app] * 65, "-o", tmp_path / "out")
    assert "No such file" in sentence("link", app, tmp_path / "absent", "-o", tmp_path / "out")
    assert "usage: skep inspect" in sentence("inspect", "--graph", "--json", app)
    assert "usage: skep inspect" in sentence("inspect", "--svg", app)
    assert "not WebAssembly" in sentence("inspect", "--graph", __file__)


def test_the_graph_says_who_asks_for_what(guest):
    done = skep("inspect", "--graph", "--layer", guest("vault", "safe"), guest("reader", "app"))
    assert done.returncode == 0, done.stderr
    app, safe = done.stdout.split("safe (platform layer)\n")
    assert app.startswith("app\n")
    assert f"  imports {STORE.decode()} from safe\n" in app
    for part, slot in (app, 0), (safe, 1):
        line = next(line for line in part.splitlines() if line.startswith(f"  slot {slot} asks for "))
        assert "environment" in line and "files" in line


def test_what_is_missing_is_in_the_graph(guest):
    done = skep("inspect", "--graph", guest("reader", "app"))
    assert f"  imports {STORE.decode()} from nobody: it is missing\n" in done.stdout, done.stderr


def test_a_name_does_not_speak_to_the_terminal(guest):
    done = skep("inspect", "--graph", guest("missing", "a\x1b[31m\nb\x7fc"))
    assert done.stdout.startswith("a?[31m?b?c\n  imports "), done.stdout
    assert "\x1b" not in done.stdout


def test_the_picture_is_svg_and_holds_what_the_text_holds(guest):
    files = "--layer", guest("vault", "a<b&c"), guest("reader", "app")
    done = skep("inspect", "--graph", "--svg", *files)
    assert done.returncode == 0, done.stderr
    root = xml.etree.ElementTree.fromstring(done.stdout)
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{space}text")]
    assert "app" in texts and "a<b&c" in texts and STORE.decode() in texts
    boxes = [box for box in root.iter(f"{space}rect") if box.get("class")]
    assert [box.get("class") for box in boxes] == ["container", "layer"]
    edges = [path for path in root.iter(f"{space}path") if path.get("class") == "edge"]
    assert len(edges) == 1
