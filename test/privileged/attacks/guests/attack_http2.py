#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of HTTP/2 that mean harm to a server: frames that cost it more than them; beside an honest server in the same worker."""
import socket
import struct
import sys
import time

from party import Party, free_port, get, must_be_root, row, wrong_with

POLICY = "2 host policy"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4
CANCEL = struct.pack(">I", 8)
CALM = 11  # ENHANCE_YOUR_CALM
SMALL = 256 << 20  # what any of these may add to the worker


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload) << 8 | kind) + struct.pack(">BI", flags, stream) + payload


def field(name, value):
    def text(words):
        words = words.encode()
        assert len(words) < 127
        return bytes([len(words)]) + words
    return b"\0" + text(name) + text(value)


def asked(path, method="GET"):
    return b"".join(field(f":{name}", value) for name, value in (
        ("method", method), ("scheme", "http"), ("path", path), ("authority", "x")))


def opened(port, window=65535):
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window)))
    return sock


def flood(port, pieces, seconds=20):
    """Sends until it is stopped; what came back, frame by frame, and whether the connection is over."""
    data, over, end = b"", False, time.monotonic() + seconds
    with opened(port) as sock:
        try:
            for piece in pieces:
                if time.monotonic() > end:
                    break
                sock.sendall(piece)
        except TimeoutError:
            pass  # it takes no more, and says no more: a stalemate that is ours to end
        except OSError:
            over = True
        sock.settimeout(2)
        try:
            while not over or len(data) < 1 << 20:
                more = sock.recv(65536)
                if not more:
                    over = True
                    break
                data += more
        except TimeoutError:
            pass
        except OSError:
            over = True
    return list(frames(data)), over


def frames(data):
    while len(data) >= 9:
        length, kind = int.from_bytes(data[:3], "big"), data[3]
        yield kind, data[9:9 + length]
        data = data[9 + length:]


def calmed(answer):
    found, over = answer
    left = [struct.unpack(">I", payload[4:8])[0] for kind, payload in found if kind == GOAWAY and len(payload) >= 8]
    if not over:
        return "the connection went on"
    return None if left in ([CALM], []) else f"it left with {left}"


def over(answer):
    return None if answer[1] else "the connection went on"


def any_end(_):
    """Whether or not it goes on: what counts is what the others saw."""
    return None


def resets(path):
    for stream in range(1, 200001, 2):
        yield frame(HEADERS, END_STREAM | END_HEADERS, stream, asked(path)) + frame(RESET, 0, stream, CANCEL)


def faults():
    """Each request is followed by what the server must reset the stream for."""
    for stream in range(1, 20001, 2):
        yield (frame(HEADERS, END_STREAM | END_HEADERS, stream, asked("/sleep?ms=60000")) +
               frame(WINDOW, 0, stream, struct.pack(">I", 0)))


def head_without_end(piece):
    yield frame(HEADERS, 0, 1, asked("/"))
    for _ in range(20000):
        yield frame(CONTINUATION, 0, 1, piece)


def head_of_references():
    """One long field in the table, then thousands of references to it, a byte each."""
    value = b"\x7f" + bytes([0x80 | (3900 - 127) & 127, (3900 - 127) >> 7]) + b"v" * 3900
    yield frame(HEADERS, END_STREAM | END_HEADERS, 1, asked("/") + b"\x40\x01x" + value)
    for stream in range(3, 2001, 2):
        yield frame(HEADERS, END_STREAM | END_HEADERS, stream, asked("/") + b"\xbe" * 16000)


def empty_data():
    yield frame(HEADERS, END_HEADERS, 1, asked("/echo", "POST"))
    for _ in range(500):
        yield frame(DATA, 0, 1) * 200


UNREAD = []  # connections that stay open until the worker was looked at


def unread(port):
    """A hundred peers with room for everything, who take nothing."""
    room = (1 << 31) - 1
    for _ in range(100):
        sock = opened(port, room)
        sock.sendall(frame(WINDOW, 0, 0, struct.pack(">I", room - 65535)) + b"".join(
            frame(HEADERS, END_STREAM | END_HEADERS, stream, asked("/big?bytes=60000")) for stream in range(1, 200, 2)))
        UNREAD.append(sock)
    time.sleep(4)  # twice the time of a request: who waits for a place has had it, or 503
    return [], False


# id, in words, what is sent, what is wrong with what came back
ROWS = [
    ("h2-resets", "100,000 requests, each reset at once", lambda port: flood(port, resets("/")), over),
    ("h2-resets-busy", "the same with requests that loop", lambda port: flood(port, resets("/spin")), over),
    ("h2-faults", "10,000 requests that the server has to reset", lambda port: flood(port, faults()), over),
    ("h2-head-endless", "a head without end, of full frames",
     lambda port: flood(port, head_without_end(field("x", "y" * 100) * 150)), calmed),
    ("h2-head-empty", "a head without end, of empty frames", lambda port: flood(port, head_without_end(b"")), calmed),
    ("h2-head-table", "heads of 62 MB each in 16 KB", lambda port: flood(port, head_of_references()), any_end),
    ("h2-empty-data", "100,000 frames of a body without a byte", lambda port: flood(port, empty_data()), any_end),
    ("h2-pings", "1,000,000 pings whose answers nobody reads",
     lambda port: flood(port, (frame(PING, 0, 0, b"12345678") * 1000 for _ in range(1000))), any_end),
    ("h2-unread", "10,000 answers of 60 KB that nobody reads", unread, any_end),
]


def main(wanted):
    must_be_root()
    broken = 0
    party = Party()
    try:
        port = free_port()
        victim = party.node.task("server", name="victim", env=[f"PORT={port}"],
                                 annotations={"skep.dev/request-timeout": "2s"})
        victim.run()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                get(port)
                break
            except OSError:
                time.sleep(0.02)  # it does not listen yet
        for name, words, act, judge in ROWS:
            if wanted and name not in wanted:
                continue
            seen = {"slowest": 0.0, "deaf": 0, "most": 0, "killed": None}
            before = party.resident()
            answer = act(port)
            wrong = judge(answer)
            for _ in range(3):
                party.look(seen)
            while UNREAD:
                UNREAD.pop().close()
            if b"Hello from Rust" not in get(port):
                wrong = wrong or "the server does not answer any more"
            seen.update(more=max(0, seen["most"] - before), same=party.same())
            if seen["more"] > SMALL:
                wrong = wrong or f"the worker grew by {seen['more'] >> 20} MiB"
            observed = (f"{len(answer[0])} frames, {'ended' if answer[1] else 'went on'}; {seen['more'] >> 20} MiB more; "
                        f"neighbour at most {seen['slowest'] * 1000:.0f} ms")
            broken += row(name, words, POLICY, observed, wrong_with(seen) or wrong)
    finally:
        party.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
