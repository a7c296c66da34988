# SPDX-License-Identifier: Apache-2.0
"""skep push and pull against a registry that behaves as registries do, and as they should not."""
import base64
import hashlib
import http.server
import json
import os
import subprocess
import threading
import urllib.parse

import pytest
from containerd import BUILD, digest_of, guest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """One repository's blobs, manifests and uploads, with faults to order."""

    def __init__(self):
        self.blobs, self.manifests, self.uploads, self.log = {}, {}, {}, []
        self.token = None       # when set, everything needs this bearer token
        self.basic = None       # what the token server wants
        self.faults = []        # [(predicate(handler), action(handler) -> handled)]
        self.redirect_blobs_to = None
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def serve(self):
                length = int(self.headers.get("Content-Length", 0))
                self.body = self.rfile.read(length) if length else b""
                url = urllib.parse.urlsplit(self.path)
                self.query = urllib.parse.parse_qs(url.query)
                registry.log.append((self.command, self.path, dict(self.headers)))
                for fault in list(registry.faults):
                    if fault[0](self):
                        if len(fault) < 3 or fault[2]:
                            registry.faults.remove(fault)
                        return fault[1](self)
                return registry.serve(self, url.path)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = serve

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, handler, path):
        if path == "/token":
            if self.basic and handler.headers.get("Authorization") != \
                    "Basic " + base64.b64encode(self.basic.encode()).decode():
                return handler.answer(401, b"{}")
            return handler.answer(200, json.dumps({"token": self.token, "expires_in": 60}).encode())
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return handler.answer(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', WWW_Authenticate=(
                f'Bearer realm="http://{self.host}/token",service="mock",scope="repository:a/b:pull,push"'))
        kind, _, name = path.removeprefix("/v2/a/b/").partition("/")
        if kind == "blobs" and name.startswith("uploads/"):
            return self.upload(handler, name.removeprefix("uploads/"))
        if kind == "blobs":
            return self.blob(handler, name)
        return self.manifest(handler, name)

    def blob(self, handler, name):
        if name not in self.blobs:
            return handler.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
        if self.redirect_blobs_to and handler.command == "GET":
            return handler.answer(307, Location=f"{self.redirect_blobs_to}/{name}")
        data = self.blobs[name]
        begin = handler.headers.get("Range")
        if begin:
            at = int(begin.removeprefix("bytes=").rstrip("-"))
            return handler.answer(206, data[at:], Content_Range=f"bytes {at}-{len(data) - 1}/{len(data)}")
        return handler.answer(200, data)

    def upload(self, handler, name):
        if handler.command == "POST":
            name = os.urandom(8).hex()
            self.uploads[name] = b""
            return handler.answer(202, Location=f"/v2/a/b/blobs/uploads/{name}?_state=x")
        if name not in self.uploads:
            return handler.answer(404, b"")
        have = self.uploads[name]
        where = f"/v2/a/b/blobs/uploads/{name}?_state={len(have) + len(handler.body)}"
        if handler.command == "GET":
            return handler.answer(204, Location=where, Range=f"0-{max(len(have) - 1, 0)}")
        if handler.command == "PATCH":
            begin = int(handler.headers["Content-Range"].split("-")[0])
            if begin != len(have):
                return handler.answer(416, Location=where, Range=f"0-{max(len(have) - 1, 0)}")
            self.uploads[name] += handler.body
            return handler.answer(202, Location=where, Range=f"0-{len(self.uploads[name]) - 1}")
        data = have + handler.body
        digest = handler.query["digest"][0]
        if digest_of(data) != digest:
            return handler.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"not what it was"}]}')
        self.blobs[digest] = data
        return handler.answer(201)

    def manifest(self, handler, name):
        if handler.command == "PUT":
            digest = digest_of(handler.body)
            self.manifests[name] = self.manifests[digest] = handler.body
            return handler.answer(201, Docker_Content_Digest=digest)
        if name not in self.manifests:
            return handler.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        return handler.answer(200, self.manifests[name], Content_Type=MANIFEST,
                              Docker_Content_Digest=digest_of(self.manifests[name]))


@pytest.fixture
def registry():
    made = Registry()
    yield made
    made.server.shutdown()
    made.server.server_close()


def skep(*words, env=None):
    return subprocess.run([str(BUILD / "bin/skep"), *words], capture_output=True, text=True, timeout=120, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(env or {})})


@pytest.fixture
def wasm(tmp_path):
    path = tmp_path / "app.wasm"
    path.write_bytes(guest("server"))
    return path


def push(registry, wasm, *words, **options):
    return skep("push", *words, str(wasm), f"{registry.host}/a/b:1", **options)


def pull(registry, tmp_path, **options):
    return skep("pull", "-o", str(tmp_path / "out"), f"{registry.host}/a/b:1", **options), tmp_path / "out"


def methods(registry):
    return [method for method, _, _ in registry.log]


def test_what_is_pushed_comes_back(registry, wasm, tmp_path):
    done = push(registry, wasm)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(digest_of(registry.manifests["1"]))
    done, out = pull(registry, tmp_path)
    assert done.returncode == 0 and out.read_bytes() == wasm.read_bytes()


def test_blobs_that_are_there_are_not_sent_again(registry, wasm):
    push(registry, wasm)
    registry.log.clear()
    assert push(registry, wasm).returncode == 0
    assert "POST" not in methods(registry) and methods(registry)[-1] == "PUT"


def test_a_token_is_fetched_once_with_the_credentials_of_docker(registry, wasm, tmp_path):
    registry.token, registry.basic = "t0ken", "bob:secret"
    denied = push(registry, wasm)
    assert denied.returncode == 126 and "secret" not in denied.stderr
    auth = base64.b64encode(b"bob:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {f"http://{registry.host}/v2/": {"auth": auth}}}))
    registry.log.clear()
    done = push(registry, wasm, env={"DOCKER_CONFIG": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert sum(path.startswith("/token") for _, path, _ in registry.log) == 1
    assert "service=mock" in next(path for _, path, _ in registry.log if path.startswith("/token"))


@pytest.mark.parametrize("length", [64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 200 * 1024])
def test_a_password_beyond_the_ceiling_is_none(registry, wasm, tmp_path, length):
    registry.token, registry.basic = "t0ken", "bob:secret"
    auth = base64.b64encode(b"bob:secret".ljust(length, b"x")).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {f"http://{registry.host}/v2/": {"auth": auth}}}))
    done = push(registry, wasm, env={"DOCKER_CONFIG": str(tmp_path)})
    assert done.returncode == 126, done.stderr
    assert "xxxx" not in done.stderr


def test_a_credential_helper_is_asked(registry, wasm, tmp_path):
    registry.token, registry.basic = "t0ken", "bob:secret"
    helper = tmp_path / "docker-credential-test"
    helper.write_text('#!/bin/sh\nread url; echo "{\\"ServerURL\\":\\"$url\\",\\"Username\\":\\"bob\\",\\"Secret\\":\\"secret\\"}"\n')
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "test"}))
    done = push(registry, wasm, env={"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr


def test_authorization_does_not_follow_a_redirect_to_another_host(registry, wasm, tmp_path):
    other = Registry()
    push(registry, wasm)
    other.blobs = dict(registry.blobs)
    registry.token = "t0ken"
    registry.redirect_blobs_to = f"http://{other.host}/v2/a/b/blobs"
    done, out = pull(registry, tmp_path)
    assert done.returncode == 0 and out.read_bytes() == wasm.read_bytes(), done.stderr
    assert other.log and not any("Authorization" in headers for _, _, headers in other.log)
    other.server.shutdown()
    other.server.server_close()


def test_redirects_have_an_end(registry, wasm, tmp_path):
    push(registry, wasm)
    registry.redirect_blobs_to = f"http://{registry.host}/v2/a/b/blobs"
    done, out = pull(registry, tmp_path)
    assert done.returncode != 0 and "redirects" in done.stderr and not out.exists()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_passing_faults_are_tried_again(registry, wasm, status):
    for method in ("HEAD", "POST", "PUT"):
        registry.faults.append((lambda handler, method=method: handler.command == method,
                                lambda handler: handler.answer(status, Retry_After="0")))
    assert push(registry, wasm).returncode == 0
    assert not registry.faults


def test_a_long_retry_after_is_not_waited_for_but_said(registry, wasm):
    registry.faults.append((lambda handler: True, lambda handler: handler.answer(429, Retry_After="3600")))
    done = push(registry, wasm)
    assert done.returncode != 0 and "3600 s" in done.stderr


def test_a_refusal_is_told_in_the_registrys_words_and_not_tried_again(registry, wasm):
    registry.faults.append((lambda handler: handler.command == "POST", lambda handler: handler.answer(
        403, b'{"errors":[{"code":"DENIED","message":"not\\nyours"}]}')))
    done = push(registry, wasm)
    assert done.returncode == 126 and "DENIED: not yours" in done.stderr
    assert methods(registry).count("POST") == 1


def test_lost_pieces_of_an_upload_are_sent_again_from_where_it_is(registry, wasm):
    def drop_after_taking(handler):
        registry.serve(handler, urllib.parse.urlsplit(handler.path).path)
        handler.close_connection = True

    def drop(handler):
        handler.close_connection = True
        handler.connection.close()

    registry.faults.append((lambda handler: handler.command == "PATCH" and len(registry.log) > 4, drop))
    registry.faults.append((lambda handler: handler.command == "PATCH" and len(registry.log) > 8,
                            lambda handler: handler.answer(416)))
    done = push(registry, wasm, "--chunk-size", "16k")
    assert done.returncode == 0, done.stderr
    assert registry.blobs[digest_of(wasm.read_bytes())] == wasm.read_bytes()
    assert not registry.faults and "PATCH" in methods(registry)


def test_a_registry_that_takes_pieces_and_forgets_them_gets_no_tries_without_end(registry, wasm):
    def forget(handler):
        for name in registry.uploads:
            registry.uploads[name] = b""
        handler.answer(416)

    pieces = lambda handler: handler.command == "PATCH"
    registry.faults.extend((lambda handler: pieces(handler) and len(methods(registry)) % 2 == 0, forget)
                           for _ in range(60))
    done = push(registry, wasm, "--chunk-size", "16k")
    assert done.returncode != 0 and "the registry answers 416" in done.stderr, done.stderr
    assert methods(registry).count("PATCH") < 40


def test_a_blob_that_breaks_off_is_resumed(registry, wasm, tmp_path):
    push(registry, wasm)
    layer = digest_of(wasm.read_bytes())

    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(registry.blobs[layer])))
        handler.end_headers()
        handler.wfile.write(registry.blobs[layer][:50000])
        handler.wfile.flush()
        handler.close_connection = True

    registry.faults.append((lambda handler: handler.command == "GET" and layer in handler.path, half))
    registry.log.clear()
    done, out = pull(registry, tmp_path)
    assert done.returncode == 0 and out.read_bytes() == wasm.read_bytes(), done.stderr
    assert any(headers.get("Range") == "bytes=50000-" for _, _, headers in registry.log)


def test_other_bytes_than_promised_are_refused(registry, wasm, tmp_path):
    push(registry, wasm)
    layer = digest_of(wasm.read_bytes())
    registry.blobs[layer] = wasm.read_bytes()[:-1] + b"x"
    done, out = pull(registry, tmp_path)
    assert done.returncode != 0 and layer[:20] in done.stderr and not out.exists()
    assert not list(tmp_path.glob("*.part"))


def test_more_bytes_than_promised_are_refused(registry, wasm, tmp_path):
    push(registry, wasm)
    registry.blobs[digest_of(wasm.read_bytes())] += b"x" * (1 << 20)
    done, out = pull(registry, tmp_path)
    assert done.returncode != 0 and "larger" in done.stderr and not out.exists()


def test_a_manifest_without_end_is_refused(registry, wasm, tmp_path):
    registry.manifests["1"] = b"{" + b" " * (5 << 20) + b"}"
    done, _ = pull(registry, tmp_path)
    assert done.returncode != 0 and "4194304" in done.stderr


def test_a_manifest_that_is_not_what_the_registry_says_is_refused(registry, wasm, tmp_path):
    push(registry, wasm)
    registry.faults.append((lambda handler: "/manifests/" in handler.path, lambda handler: handler.answer(
        200, registry.manifests["1"], Content_Type=MANIFEST,
        Docker_Content_Digest="sha256:" + hashlib.sha256(b"other").hexdigest())))
    done, _ = pull(registry, tmp_path)
    assert done.returncode != 0 and "registry says" in done.stderr


def test_what_is_not_there_is_named(registry, tmp_path):
    done, _ = pull(registry, tmp_path)
    assert done.returncode == 1 and "a/b" in done.stderr and "404" in done.stderr


def test_an_index_leads_to_the_wasm_in_it(registry, wasm, tmp_path):
    push(registry, wasm)
    inner = registry.manifests["1"]
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": MANIFEST, "digest": digest_of(b"arm"), "size": 3, "platform": {"os": "linux", "architecture": "s390x"}},
        {"mediaType": MANIFEST, "digest": digest_of(inner), "size": len(inner), "platform": {"os": "wasi", "architecture": "wasm"}}]})
    registry.faults.append((lambda handler: handler.path.endswith("/manifests/1"), lambda handler: handler.answer(
        200, index.encode(), Content_Type="application/vnd.oci.image.index.v1+json")))
    done, out = pull(registry, tmp_path)
    assert done.returncode == 0 and out.read_bytes() == wasm.read_bytes(), done.stderr
