#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that means harm to its clients, clients that mean harm to a server; both beside an honest
server in one worker."""
import re
import socket
import sys
import time

from party import Party, free_port, get, must_be_root, row, talk, wrong_with

ENGINE, POLICY = "1 component model", "2 host policy"
HOST = "host: x\r\n"
CLOSE = HOST + "connection: close\r\n"
INNER = "GET /log?text=smuggled HTTP/1.1\r\nhost: x\r\n\r\n"


def head(answer):
    return answer.split(b"\r\n\r\n", 1)[0].lower()


def statuses(answer):
    """The status of every answer in what came back on one connection."""
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def expects(*wanted):
    """What came back begins with one of those statuses, and is one answer."""
    def judge(answer):
        found = statuses(answer)
        return None if len(found) == 1 and found[0] in wanted else f"answered {found}, not one of {wanted}"
    return judge


def refused_all(answer):
    lines = answer.split(b"\r\n\r\n", 1)[-1].splitlines()
    tried = [line for line in lines if b": " in line]
    if len(tried) < 5 or any(b"Err(" not in line for line in tried):
        return "something was let in"
    return None if b"\r\nx-b:" not in head(answer) else "a header was smuggled"


def framed_once(answer):
    lines = head(answer).split(b"\r\n")
    framing = [line for line in lines if line.startswith((b"transfer-encoding", b"content-length"))]
    return None if len(framing) == 1 and statuses(answer) == [200] else f"framed by {framing}"


def bounded_body(length):
    """No more of a body than its length said."""
    def judge(answer):
        body = answer.split(b"\r\n\r\n", 1)[-1]
        if len(statuses(head(answer).upper())) > 1:
            return f"answered {statuses(answer)}"
        return None if len(body) <= length else f"{len(body)} bytes where {length} were said"
    return judge


def kept_out(answer):
    """Those that HTTP has no room for: not three digits, or below 100."""
    return None if answer.count(b"Err(") == 4 else "odd statuses were let in"


def flows(answer):
    return None if len(answer) >= 1 << 20 else f"only {len(answer)} bytes came"


# id, in words, wall, path of the raider, what is wrong with the answer
SERVED = [
    ("answer-split", "an answer with line breaks in its headers", ENGINE, "/split", refused_all),
    ("answer-frame", "an answer that says how it is framed", POLICY, "/frame", framed_once),
    ("answer-headers", "an answer with 100,000 headers", POLICY, "/headers", expects(500)),
    ("answer-endless", "an answer without end, to a client that leaves", POLICY, "/endless", flows),
    ("answer-short", "an answer shorter than it says", ENGINE, "/short", bounded_body(100)),
    ("answer-long", "an answer longer than it says", ENGINE, "/long", bounded_body(10)),
    ("answer-status", "answers with statuses that are none", ENGINE, "/status", kept_out),
    ("answer-interim", "an answer that says that another follows", POLICY, "/code/100", expects(500)),
    ("answer-hints", "an answer of early hints alone", POLICY, "/code/103", expects(500)),
    ("answer-upgrade", "an answer that leaves HTTP", POLICY, "/code/101", expects(500)),
    ("answer-bodiless", "a body where none may be (204)", ENGINE, "/code/204", bounded_body(0)),
    ("answer-unchanged", "a body where none may be (304)", ENGINE, "/code/304", bounded_body(0)),
    ("answer-twice", "an answer given twice", ENGINE, "/twice", expects(200, 500)),
    ("answer-none", "no answer", ENGINE, "/none", expects(500)),
    ("answer-hold", "a body that is kept and never read", POLICY, "/hold", expects(200)),
]


def post(headers, body=""):
    return f"POST /echo HTTP/1.1\r\n{HOST}{headers}\r\n{body}".encode()


def lone(headers):
    return f"GET / HTTP/1.1\r\n{CLOSE}{headers}\r\n".encode()


# id, in words, request, what is wrong with the answer
SENT = [
    ("smuggle-both", "both lengths: chunked and content-length",
     post("transfer-encoding: chunked\r\ncontent-length: 6\r\nconnection: close\r\n", "0\r\n\r\n" + INNER), expects(200, 400)),
    ("smuggle-lengths", "two different content-lengths",
     post("content-length: 0\r\ncontent-length: 44\r\n", INNER), expects(400)),
    ("smuggle-sign", "a content-length of +44", post("content-length: +44\r\n", INNER), expects(400)),
    ("smuggle-encoding", "a transfer-encoding that is almost chunked",
     post("transfer-encoding: xchunked\r\n", "0\r\n\r\n" + INNER), expects(400)),
    ("smuggle-space", "a space before a header's colon", post("content-length : 44\r\n", INNER), expects(400)),
    ("smuggle-fold", "a header continued on the next line", lone("x: 1\r\n content-length: 44\r\n"), expects(400)),
    ("smuggle-chunk", "a chunk larger than 2^64",
     post("transfer-encoding: chunked\r\n", "ffffffffffffffff1\r\nx\r\n0\r\n\r\n"), expects(200, 400, 500)),
    ("head-bytes", "a head of 1 MiB", lone("x: " + "y" * (1 << 20) + "\r\n"), expects(400, 431)),
    ("head-count", "10,000 headers", lone("".join(f"x{i}: y\r\n" for i in range(10000))), expects(400, 431)),
    ("head-path", "a path of 200 KB", f"GET /{'a' * 200000} HTTP/1.1\r\n{CLOSE}\r\n".encode(), expects(400, 414, 431)),
    ("head-nul", "a NUL in a header", lone("x: a\0b\r\n"), expects(400)),
    ("head-only", "HEAD, answered with a body", f"HEAD /big?bytes=1000 HTTP/1.1\r\n{CLOSE}\r\n".encode(), bounded_body(0)),
    ("head-hostless", "no host", b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n", expects(400)),
    ("body-bytes", "a body of 2^63-1 bytes", post("content-length: 9223372036854775807\r\n"), expects(413)),
    ("body-more", "a body of 2^64 bytes", post("content-length: 18446744073709551616\r\n"), expects(400)),
]


def started(party, guest, name):
    port = free_port()
    task = party.node.task(guest, name=name, env=[f"PORT={port}"])
    task.run()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            get(port)
            return task, port
        except OSError:
            time.sleep(0.02)  # it does not listen yet
    raise TimeoutError(f"{name} does not listen")


def slow_heads(party, port):
    """A thousand connections that say half a word each, and the same server for somebody else."""
    held = []
    for _ in range(900):
        sock = socket.create_connection(("127.0.0.1", port), 5)
        sock.sendall(b"GET / HT")
        held.append(sock)
    answer = get(port)
    for sock in held:
        sock.close()
    return answer


def pipelined(party, port):
    """A thousand requests at once, whose answers nobody reads for a while."""
    one = f"GET / HTTP/1.1\r\n{HOST}\r\n".encode()
    answer = talk(port, one * 1000 + lone(""), timeout=20, most=1 << 24)
    return answer


def in_order(answer):
    return None if statuses(answer) == [200] * 1001 else f"{len(statuses(answer))} answers"


def main(wanted):
    must_be_root()
    broken = 0
    party = Party()
    try:
        raider, raided = started(party, "raider-server", "raider")
        victim, attacked = started(party, "server", "victim")
        todo = [(name, words, wall, lambda path=path: get(raided, path, timeout=2), judge)
                for name, words, wall, path, judge in SERVED]
        todo += [(name, words, POLICY, lambda request=request: talk(attacked, request, timeout=5), judge)
                 for name, words, request, judge in SENT]
        todo += [("slow-heads", "900 connections that never finish a request", POLICY,
                  lambda: slow_heads(party, attacked), expects(200)),
                 ("pipelined", "1,001 requests on one connection at once", POLICY,
                  lambda: pipelined(party, attacked), in_order)]
        for name, words, wall, act, judge in todo:
            if wanted and name not in wanted:
                continue
            seen = {"slowest": 0.0, "deaf": 0, "most": 0, "killed": None}
            before = party.resident()
            answer = act()
            wrong = judge(answer)
            for _ in range(3):
                party.look(seen)
            if b"a raider" not in get(raided) or b"Hello from Rust" not in get(attacked):
                wrong = wrong or "the server does not answer any more"
            seen.update(more=max(0, seen["most"] - before), same=party.same())
            first = answer.split(b"\r\n", 1)[0].decode(errors="replace") or "nothing"
            observed = f"{first}, {len(answer)} bytes; neighbour at most {seen['slowest'] * 1000:.0f} ms"
            broken += row(name, words, wall, observed, wrong_with(seen) or wrong)
        ended = []
        for task in (raider, victim):
            task.call("Kill", signal=9)
            task.wait()
            ended.append(task.output("stdout") + task.output("stderr"))
            task.finish()
        inside = b"smuggled" in ended[1]
        broken += row("smuggled", "a second request inside of any of those above", POLICY,
                      "it was run" if inside else "none was run", "a smuggled request was run" if inside else None)
    finally:
        party.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
