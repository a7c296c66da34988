# SPDX-License-Identifier: Apache-2.0
"""ttrpc as containerd speaks it: a client with any number of calls in flight, and the server of
containerd's event service."""
import os
import socket
import struct
import threading
import time

from protobuf import decode, encode

TASK = {"v2": "containerd.task.v2.Task", "v3": "containerd.task.v3.Task"}
# method -> (request, response)
METHODS = {
    "State": ("IdRequest", "StateResponse"),
    "Create": ("CreateTaskRequest", "CreateTaskResponse"),
    "Start": ("IdRequest", "StartResponse"),
    "Delete": ("IdRequest", "DeleteResponse"),
    "Pids": ("IdRequest", "PidsResponse"),
    "Pause": ("IdRequest", "Empty"),
    "Resume": ("IdRequest", "Empty"),
    "Checkpoint": ("CheckpointTaskRequest", "Empty"),
    "Kill": ("KillRequest", "Empty"),
    "Exec": ("ExecProcessRequest", "Empty"),
    "ResizePty": ("ResizePtyRequest", "Empty"),
    "CloseIO": ("CloseIORequest", "Empty"),
    "Update": ("UpdateTaskRequest", "Empty"),
    "Wait": ("IdRequest", "WaitResponse"),
    "Stats": ("IdRequest", "StatsResponse"),
    "Connect": ("IdRequest", "ConnectResponse"),
    "Shutdown": ("ShutdownRequest", "Empty"),
    # containerd.runtime.sandbox.v1.Sandbox
    "CreateSandbox": ("CreateSandboxRequest", "Empty"),
    "StartSandbox": ("SandboxRequest", "StartSandboxResponse"),
    "Platform": ("SandboxRequest", "PlatformResponse"),
    "StopSandbox": ("StopSandboxRequest", "Empty"),
    "WaitSandbox": ("SandboxRequest", "WaitResponse"),
    "SandboxStatus": ("SandboxStatusRequest", "SandboxStatusResponse"),
    "PingSandbox": ("SandboxRequest", "Empty"),
    "ShutdownSandbox": ("SandboxRequest", "Empty"),
    "SandboxMetrics": ("SandboxRequest", "SandboxMetricsResponse"),
}
CODES = {0: "OK", 1: "Canceled", 2: "Unknown", 3: "InvalidArgument", 4: "DeadlineExceeded",
         5: "NotFound", 6: "AlreadyExists", 7: "PermissionDenied", 8: "ResourceExhausted",
         9: "FailedPrecondition", 12: "Unimplemented", 13: "Internal", 14: "Unavailable"}
DEADLINE = 60


class Refused(Exception):
    def __init__(self, status):
        self.code = CODES.get(status["code"], str(status["code"]))
        self.message = status["message"]
        super().__init__(f"{self.code}: {self.message}")


class Closed(Exception):
    pass


def frame(stream, kind, data, flags=0):
    return struct.pack(">IIBB", len(data), stream, kind, flags) + data


def read_exactly(sock, length):
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise Closed()
        data += more
    return data


def read_frame(sock):
    length, stream, kind, flags = struct.unpack(">IIBB", read_exactly(sock, 10))
    return stream, kind, flags, read_exactly(sock, length)


class Pending:
    def __init__(self, method):
        self.method = method
        self.done = threading.Event()
        self.status = None
        self.payload = b""

    def ready(self):
        return self.done.is_set()

    def answer(self, timeout=DEADLINE):
        if not self.done.wait(timeout):
            raise TimeoutError(f"{self.method} was not answered within {timeout} s")
        if self.status is None:
            raise Closed()
        if self.status["code"] != 0:
            raise Refused(self.status)
        return decode(METHODS[self.method][1], self.payload) if self.method in METHODS else self.payload


class Client:
    """One connection to a shim, as containerd holds one for each bundle."""

    def __init__(self, address, namespace="default", version="v2"):
        assert address.startswith("unix:///"), address
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(address[len("unix://"):])
        self.namespace = namespace
        self.version = version
        self.lock = threading.Lock()
        self.next = 1
        self.pending = {}
        self.closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while True:
                stream, kind, _, data = read_frame(self.sock)
                waiting = self.pending.pop(stream, None)
                if kind == 2 and waiting:
                    response = decode("Response", data)
                    waiting.status = response["status"] or {"code": 0, "message": ""}
                    waiting.payload = response["payload"]
                    waiting.done.set()
        except (Closed, OSError):
            self.closed.set()
            for waiting in list(self.pending.values()):
                waiting.done.set()

    def send(self, method, service=None, payload=None, timeout_nano=0, **values):
        if payload is None:
            payload = encode(METHODS[method][0], values)
        request = encode("Request", {
            "service": service or TASK[self.version], "method": method, "payload": payload,
            "timeout_nano": timeout_nano,
            "metadata": [{"key": "containerd-namespace-ttrpc", "value": self.namespace}]})
        with self.lock:
            stream, self.next = self.next, self.next + 2
            waiting = self.pending[stream] = Pending(method)
            self.sock.sendall(frame(stream, 1, request))
        return waiting

    def call(self, method, **values):
        return self.send(method, **values).answer()

    def raw(self, data):
        """Bytes as they are; the pending object of the stream that they open."""
        with self.lock:
            self.sock.sendall(data)

    def expect(self, stream):
        waiting = self.pending[stream] = Pending("raw")
        return waiting

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Events:
    """containerd.services.events.ttrpc.v1.Events on TTRPC_ADDRESS."""

    def __init__(self, path):
        self.path = path
        self.seen = []
        self.changed = threading.Condition()
        self.connections = []
        self.refuse = 0  # so many Forwards are answered with Unavailable
        self.server = None
        self.open()

    def open(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(self.path)
        self.server.listen(64)
        threading.Thread(target=self._accept, args=(self.server,), daemon=True).start()

    def close(self):
        """As when containerd ends: nobody listens, connections break."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        os.unlink(self.path)
        for sock in self.connections:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.connections = []

    def _accept(self, server):
        while True:
            try:
                sock, _ = server.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            while True:
                stream, _, _, data = read_frame(sock)
                request = decode("Request", data)
                status = {"code": 0, "message": ""}
                with self.changed:
                    if self.refuse > 0:
                        self.refuse -= 1
                        status = {"code": 14, "message": "try again"}
                    else:
                        self._note(request)
                    self.changed.notify_all()
                sock.sendall(frame(stream, 2, encode("Response", {"status": status})))
        except (Closed, OSError):
            pass

    def _note(self, request):
        assert request["service"] == "containerd.services.events.ttrpc.v1.Events", request
        assert request["method"] == "Forward", request
        envelope = decode("ForwardRequest", request["payload"])["envelope"]
        assert envelope["topic"].startswith("/") and envelope["namespace"], envelope
        assert envelope["timestamp"] and envelope["timestamp"]["seconds"] > 0, envelope
        event = decode(envelope["event"]["type_url"], envelope["event"]["value"])
        self.seen.append((envelope["namespace"], envelope["topic"], event))

    def of(self, container, namespace="default"):
        with self.changed:
            return [(topic, event) for ns, topic, event in self.seen
                    if ns == namespace and event["container_id"] == container]

    def topics(self, container, namespace="default"):
        return [topic for topic, _ in self.of(container, namespace)]

    def wait(self, container, topic, namespace="default", timeout=DEADLINE):
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                for ns, seen, event in self.seen:
                    if (ns, seen, event["container_id"]) == (namespace, topic, container):
                        return event
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no {topic} of {container} within {timeout} s: {self.seen[-8:]}")
                self.changed.wait(left)
