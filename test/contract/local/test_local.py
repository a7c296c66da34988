# SPDX-License-Identifier: Apache-2.0
"""skep run and skep serve: the whole chain without containerd, as root and as an ordinary user."""
import ctypes
import fcntl
import http.client
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request

import pytest

TOP = pathlib.Path(__file__).resolve().parents[3]
SKEP = pathlib.Path(os.environ["SKEP_BUILD"]) / "bin" / "skep"
GUESTS = TOP / "test/guests/prebuilt"
PR_SET_CHILD_SUBREAPER = 36
DEADLINE = 60

pytestmark = pytest.mark.skipif(
    not all((SKEP.parent / name).exists() for name in ("skep", "skep-compiler", "skep-worker")),
    reason="skep, skep-compiler or skep-worker is not built")


def guest(name):
    return str(GUESTS / f"{name}.wasm")


class Person:
    """Somebody with a home, a cache, and (uid None) the rights of whoever runs the tests."""

    def __init__(self, uid):
        self.uid = uid
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="skep-local-"))
        self.home.chmod(0o755)
        self.give(self.home)

    def give(self, path):
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)
        return path

    def file(self, name, text, mode=0o644):
        path = self.home / name
        if not path.parent.exists():
            path.parent.mkdir()
            self.give(path.parent)
        path.write_text(text)
        path.chmod(mode)
        return self.give(path)

    def popen(self, *words, **options):
        extra = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        return subprocess.Popen(
            [str(SKEP), words[0], "--cache", str(self.home / "cache"), *words[1:]],
            env={"HOME": str(self.home), "SECRET": "not for guests"}, **extra,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
               "stderr": subprocess.PIPE, **options})

    def run(self, *words, given=None, **options):
        if given is not None:
            options["stdin"] = subprocess.PIPE
        with self.popen(*words, **options) as process:
            out, err = process.communicate(given, timeout=DEADLINE)
        return process.returncode, out, err.decode() if err else ""


@pytest.fixture(scope="module", params=["root", "user"])
def person(request):
    closed = [str(folder) for folder in (*SKEP.parents, *GUESTS.parents) if not folder.stat().st_mode & 1]
    if os.geteuid() == 0 and request.param == "user" and closed:
        pytest.skip(f"{closed[-1]} is closed to other users, and the checkout is below it")
    if os.geteuid() == 0:
        made = Person(None if request.param == "root" else 1000)
    elif request.param == "user":
        made = Person(None)
    else:
        pytest.skip("needs root")
    made.is_root = request.param == "root"
    yield made
    shutil.rmtree(made.home)


@pytest.fixture(autouse=True)
def nothing_is_left():
    """What outlives skep becomes our child: a worker, if skep was killed, and it ends by itself."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    for pid in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        process = os.pidfd_open(int(pid))
        ended = select.select([process], [], [], 10)[0]
        os.close(process)
        assert ended, pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        os.waitpid(int(pid), 0)


ENDINGS = [
    # guest, arguments, exit code, what stderr says
    ("hello", ["exit", "0"], 0, ""),
    ("hello", ["exit", "7"], 7, ""),
    ("hello", ["exit", "255"], 255, ""),
    ("exits", [], 42, ""),
    ("fails", [], 1, ""),
    ("command3", [], 0, ""),
    ("trapper", [], 134, "skep: trapped: wasm `unreachable` instruction executed"),
    ("hello", ["overflow"], 134, "skep: trapped: call stack exhausted"),
    ("missing", [], 1, "it imports acme:vault/store@1.0.0"),
    ("core", [], 2, "it is no command"),
    ("adder", [], 2, "is a library"),
    ("server", [], 2, "is an HTTP server: skep serve"),
]


@pytest.mark.parametrize("name,arguments,code,words", ENDINGS)
def test_every_ending_has_its_code_and_is_told_once(person, name, arguments, code, words):
    status, _, err = person.run("run", guest(name), *arguments)
    assert (status, err.count("skep: ")) == (code, 1 if words else 0), err
    assert words in err


def test_what_is_no_component_is_named(person):
    text = person.file("text", "hello")
    cut = person.file("cut", "")
    cut.write_bytes(pathlib.Path(guest("hello")).read_bytes()[:20000])
    assert person.run("run", str(text))[::2] == (
        2, f"skep: {text}: not WebAssembly: it does not begin with \\0asm\n")
    status, _, err = person.run("run", str(cut))
    assert status == 2 and err.startswith(f"skep: {cut}: ")
    assert person.run("run", "/nowhere")[0] == 1


def test_a_guest_sees_what_is_named_and_nothing_else(person):
    status, out, err = person.run("run", "--env", "A=b c", "--env", "HOME", guest("hello"), "show",
                                  "--env", "x y")
    assert (status, err) == (0, "")
    assert out.decode().splitlines() == [
        "Hello from C", "arg 0: hello.wasm", "arg 1: show", "arg 2: --env", "arg 3: x y",
        "env A=b c", f"env HOME={person.home}", "cwd /"]


def test_folders_are_read_only_where_it_says_so(person):
    person.file("folder/file", "words", 0o400)
    folder = person.home / "folder"
    show = ("run", "--dir", f"{folder}:/data:ro", guest("hello"))
    assert person.run(*show, "cat", "/data/file")[:2] == (0, b"words")
    assert person.run(*show, "write", "/data/new", "x")[0] == 1
    assert person.run(*show, "rm", "/data/file")[0] == 1
    assert person.run(*show, "cat", "/data/../etc/passwd")[0] == 1
    assert person.run(*show, "cat", "/etc/passwd")[0] == 1
    change = ("run", "--dir", f"{folder}:/data", guest("hello"))
    assert person.run(*change, "write", "/data/new", "x")[0] == 0
    made = (folder / "new").stat()
    assert made.st_uid == folder.stat().st_uid
    assert person.run(*change, "rm", "/data/new")[0] == 0
    assert not (folder / "new").exists()


def test_a_single_file_is_shown_alone_or_refused(person):
    path = person.file("folder/one", "1", 0o400)
    person.file("folder/two", "2")
    status, out, err = person.run("run", "--dir", f"{path}:/etc/app/one:ro", guest("hello"), "ls",
                                  "/etc/app")
    if person.is_root:
        assert (status, out.decode().split()) == (0, ["one"])
    else:
        assert status == 1 and "is a single file, which needs root" in err


def test_a_folder_that_is_not_there_is_named(person):
    status, _, err = person.run("run", "--dir", "/nowhere:/data", guest("hello"))
    assert status == 1 and "/nowhere" in err


def test_input_ends_and_output_is_complete(person):
    data = os.urandom(3_000_000)
    assert person.run("run", guest("hello"), "echo", given=data) == (0, data, "")
    assert person.run("run", guest("hello"), "echo", given=b"") == (0, b"", "")
    assert len(person.run("run", guest("hello"), "flood", "20000000")[1]) == 20_000_000


def test_files_and_closed_descriptors_serve_as_stdio(person):
    source = person.file("in", "from a file\n")
    target = person.file("out", "")
    with source.open("rb") as given, target.open("wb") as taken:
        assert person.run("run", guest("hello"), "echo", stdin=given, stdout=taken)[0] == 0
    assert target.read_text() == "from a file\n"
    closed = subprocess.run(
        ["sh", "-c", 'exec "$0" run --cache "$1" "$2" show <&- >&- 2>&-', str(SKEP),
         str(person.home / "cache"), guest("hello")],
        env={"HOME": str(person.home)}, timeout=DEADLINE, check=False,
        **({} if person.uid is None else {"user": person.uid, "group": person.uid}))
    assert closed.returncode == 0


def test_a_reader_that_goes_away_does_not_hold_it(person):
    with person.popen("run", guest("hello"), "flood", "50000000") as process:
        assert len(process.stdout.read(10)) == 10
        process.stdout.close()
        assert process.wait(DEADLINE) != 0


def test_a_terminal_stays_as_it_was(person):
    near, far = pty.openpty()
    if person.uid is not None:
        os.chown(os.ttyname(far), person.uid, person.uid)
    before = fcntl.fcntl(far, fcntl.F_GETFL)
    with person.popen("run", guest("hello"), "echo", stdin=far, stdout=far, stderr=far) as process:
        os.write(near, b"typed\n\x04")
        assert process.wait(DEADLINE) == 0
        assert fcntl.fcntl(far, fcntl.F_GETFL) == before
        assert os.read(near, 100).decode().split() == ["typed", "typed"]  # its echo, and ours
    os.close(near)
    os.close(far)


def test_memory_beyond_the_limit_is_137(person):
    status, _, err = person.run("run", "--memory", "16Mi", guest("hello"), "eat", "64")
    assert status == 137
    assert "skep: out of memory: the memory limit of 16777216 bytes" in err
    assert person.run("run", "--memory", "64Mi", guest("hello"), "exit", "0")[0] == 0


@pytest.mark.parametrize("name,arguments", [("hello", ["sleep", "50"]), ("hello", ["spin"])])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_told_to_stop_ends_with_143(person, name, arguments, number):
    with person.popen("run", guest(name), *arguments) as process:
        assert process.stdout.readline()  # it runs
        process.send_signal(number)
        assert process.wait(DEADLINE) == 143


def test_a_component_is_compiled_once(person):
    assert person.run("run", guest("plain"))[0] == 0
    code = {path: path.stat().st_mtime_ns for path in (person.home / "cache").iterdir()}
    assert person.run("run", guest("plain"))[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (person.home / "cache").iterdir()} == code
    assert all(path.stat().st_mode & 0o022 == 0 for path in code)
    assert (person.home / "cache").stat().st_mode & 0o077 == 0


def test_code_that_was_changed_is_not_run(person):
    assert person.run("run", guest("exits"))[0] == 42
    for path in (person.home / "cache").glob("*.cwasm"):
        path.chmod(0o600)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert person.run("run", guest("exits"))[0] == 42  # compiled anew


def test_a_cache_that_others_may_write_to_is_refused(person):
    open_to_all = person.home / "open"
    open_to_all.mkdir(exist_ok=True)
    person.give(open_to_all)
    open_to_all.chmod(0o777)
    status, _, err = person.run("run", "--cache", str(open_to_all), guest("exits"))
    assert status == 126 and "others may write to it" in err


@pytest.mark.parametrize("words", [
    ["run"], ["serve"], ["run", "--port", "1", "x"], ["run", "--nonsense", "x"],
    ["run", "--dir", "nowhere", "x"], ["run", "--memory", "lots", "x"], ["run", "--cpus", "0", "x"],
    ["run", "--net", "some", "x"], ["serve", "--listen", "8080", "x"], ["serve", "x", "y"]])
def test_a_command_line_that_makes_no_sense_is_2(person, words):
    status, _, err = person.run(*words)
    assert (status, err.count("\n")) == (2, 1)


def test_verbose_says_which_walls_stand(person):
    err = person.run("run", "--verbose", guest("exits"))[2]
    assert "system calls by list" in err
    assert ("missing" in err) == (not person.is_root)


class Server:
    """skep serve on a free port."""

    def __init__(self, person, *words):
        self.process = person.popen("serve", "--port", "0", *words)
        line = self.process.stderr.readline().decode()
        assert " is served at " in line, line
        self.url = re.search(r"http://\S+", line).group(0)

    def get(self, path="", timeout=DEADLINE):
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return answer.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.mark.parametrize("name,words", [("server", "Rust"), ("server3", "Rust over 0.3"),
                                        ("server-js", "JavaScript")])
def test_a_server_answers(person, name, words):
    with Server(person, "--env", "NAME=bee", guest(name)) as server:
        assert server.get() == f"Hello from {words}, bee!\n"
        server.process.terminate()
        assert server.process.wait(DEADLINE) == 143


def test_every_request_has_an_instance_of_its_own(person):
    with Server(person, guest("server")) as server:
        assert [server.get("count").strip() for _ in range(3)] == ["1", "1", "1"]


def test_a_trap_costs_one_request(person):
    with Server(person, guest("server")) as server:
        with pytest.raises(OSError):
            server.get("trap")
        assert "nobody" in server.get()
        assert b"a request failed" in server.process.stderr.readline()


def test_a_worker_that_dies_is_told(person):
    with Server(person, guest("server")) as server:
        threads = pathlib.Path(f"/proc/{server.process.pid}/task").iterdir()
        children = " ".join((thread / "children").read_text() for thread in threads).split()
        os.kill(int(children[0]), signal.SIGKILL)
        assert server.process.wait(DEADLINE) == 255
        assert b"its worker died of signal 9 (Killed)" in server.process.stderr.read()


def asked(server, path):
    """A request that was sent; its answer is still to come."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://").rstrip("/"), timeout=DEADLINE)
    connection.request("GET", f"/{path}")
    return connection


def in_flight(server):
    """The log line proves that whoever connected before was let in: that goes in order."""
    server.get("log?text=begun")
    assert server.process.stdout.readline() == b"out begun\n"


def test_requests_in_flight_are_finished(person):
    with Server(person, guest("server")) as server:
        connection = asked(server, "sleep?ms=1000")
        in_flight(server)
        server.process.terminate()
        assert connection.getresponse().status == 200
        assert server.process.wait(DEADLINE) == 143
        connection.close()


def test_a_second_signal_does_not_wait(person):
    with Server(person, guest("server")) as server:
        connection = asked(server, "sleep?ms=60000")
        in_flight(server)
        server.process.terminate()
        while True:  # until the first is understood, the listener is open
            try:
                socket.create_connection(("127.0.0.1", int(server.url.split(":")[-1][:-1]))).close()
            except (ConnectionRefusedError, ConnectionResetError):
                break  # reset: it was closed while this one waited in it
        server.process.terminate()
        assert server.process.wait(DEADLINE) == 137
        with pytest.raises(OSError):
            connection.getresponse()
        connection.close()


def test_a_server_without_a_place_to_listen_says_so(person):
    status, _, err = person.run("serve", "--net", "none", guest("server"))
    assert status == 1 and "there is nowhere to listen" in err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, _, err = person.run("serve", "--port", str(taken.getsockname()[1]), guest("server"))
        assert status == 1 and "Address already in use" in err
    assert person.run("serve", guest("hello"))[2].strip().endswith(f"skep run {guest('hello')}")


def test_a_server_sees_its_folder(person):
    person.file("site/page", "a page")
    with Server(person, "--dir", f"{person.home}/site:/site:ro", guest("server")) as server:
        assert server.get("file?path=/site/page") == "a page"
