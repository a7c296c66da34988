# SPDX-License-Identifier: Apache-2.0
"""What a component gets from its spec, and what it does not."""
import ctypes
import os
import pathlib
import socket
import subprocess
import threading
import time

import pytest
from containerd import spec
from ttrpc import Refused

AT_FDCWD = -100
RENAME_EXCHANGE = 2

# A link that leads out, and a name that was one thing at the first look and another at the second.
REFUSALS = {"Operation not permitted", "Resource temporarily unavailable", "Not a directory",
            "Invalid argument"}


def output(node, args, **options):
    task = node.task("hello", args=("hello", *args), **options)
    task.run()
    status = task.wait()
    out, err = task.output(), task.output("stderr")
    task.finish()
    return status, out.decode(), err.decode()


def bind(source, destination, *options):
    return {"destination": destination, "type": "bind", "source": str(source),
            "options": ["rbind", *options]}


def get(port, path="/", host="127.0.0.1", deadline=20):
    end = time.monotonic() + deadline
    while True:
        try:
            with socket.create_connection((host, port), 10) as sock:
                sock.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
                data = b""
                while True:
                    more = sock.recv(65536)
                    if not more:
                        return data
                    data += more
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def test_arguments_environment_and_cwd_are_those_of_the_spec(node):
    status, out, _ = output(node, ["show", "a b", ""], env=["A=1", "B=x=y"])
    assert status == 0
    assert "a b" in out and "A=1" in out and "B=x=y" in out
    assert "PATH=" not in out and "SKEP" not in out and "HOME=" not in out


def test_a_folder_is_seen_where_it_is_mounted(node, tmp_path):
    (tmp_path / "f").write_text("inside")
    assert output(node, ["cat", "/data/f"], mounts=[bind(tmp_path, "/data", "ro")])[:2] == (0, "inside")
    status, _, _ = output(node, ["write", "/data/new", "text"], mounts=[bind(tmp_path, "/data", "rw")])
    assert (status, (tmp_path / "new").read_text()) == (0, "text\n")


def test_a_read_only_folder_cannot_be_written(node, tmp_path):
    status, _, err = output(node, ["write", "/data/new", "text"], mounts=[bind(tmp_path, "/data", "ro")])
    assert status == 1 and err and not (tmp_path / "new").exists()


def test_a_single_file_is_seen_alone(node, tmp_path):
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    mounts = [bind(tmp_path / "one", "/etc/app/one", "ro")]
    assert output(node, ["cat", "/etc/app/one"], mounts=mounts)[:2] == (0, "1")
    status, out, _ = output(node, ["ls", "/etc/app"], mounts=mounts)
    assert status == 0 and "one" in out and "two" not in out


def test_a_secret_of_root_can_be_read_and_nobody_else_sees_it(node, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    (secret / "token").write_text("s3cret")
    (secret / "token").chmod(0o400)
    assert output(node, ["cat", "/run/secret/token"], mounts=[bind(secret, "/run/secret", "ro")])[:2] \
        == (0, "s3cret")
    status, out, _ = output(node, ["cat", "/run/secret/token"])
    assert status == 1 and "s3cret" not in out


def test_nothing_of_the_node_is_visible_without_a_grant(node):
    for path in ("/etc/passwd", "/proc/self/environ", "/sys/kernel", "/dev/null", "../../etc/passwd"):
        status, out, _ = output(node, ["cat", path])
        assert status == 1 and out == "", path


def test_symlinks_and_dots_do_not_leave_a_mount(node, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside").write_text("out")
    (inside / "up").symlink_to("../outside")
    (inside / "absolute").symlink_to("/etc/passwd")
    for path in ("/data/up", "/data/absolute", "/data/../outside", "/data/../../../../etc/passwd"):
        status, out, _ = output(node, ["cat", path], mounts=[bind(inside, "/data", "rw")])
        assert status == 1 and out == "", path


@pytest.fixture
def swapped(tmp_path):
    """A folder in which `swap` is all the time either a folder or a link to the node's /etc."""
    inside = tmp_path / "inside"
    (inside / "swap").mkdir(parents=True)
    (inside / "swap/passwd").write_text("inside")
    (inside / "other").symlink_to("/etc")
    names = [os.fsencode(inside / name) for name in ("swap", "other")]
    libc = ctypes.CDLL(None, use_errno=True)
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            assert libc.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0

    thread = threading.Thread(target=swap)
    thread.start()
    yield inside
    stop.set()
    thread.join()


@pytest.mark.parametrize("wasm", ["hello", "hello-component"])
def test_a_folder_that_becomes_a_link_while_it_is_opened_leads_nowhere(node, swapped, wasm):
    task = node.task(wasm, args=("hello", "probe", "/data/swap/passwd", "10000"),
                     mounts=[bind(swapped, "/data", "ro")])
    task.run()
    assert task.wait() == 0
    rows = [line.split(" ", 1) for line in task.output().decode().splitlines()]
    task.finish()
    seen = {what: int(times) for times, what in rows}
    assert sum(seen.values()) == 10000
    # Both were there, or it was no race; and of the node there was never a byte.
    assert seen.pop("inside", 0) > 0 and seen
    assert set(seen) <= REFUSALS, seen


def test_a_configmap_swap_is_seen_by_a_running_component(node, tmp_path):
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1/key").write_text("old")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "key").symlink_to("..data/key")
    port = free_port()
    task = node.task("server", env=[f"PORT={port}"], mounts=[bind(tmp_path, "/config", "ro")])
    task.run()
    assert b"old" in get(port, "/file?path=/config/key")
    (tmp_path / "..2").mkdir()
    (tmp_path / "..2/key").write_text("new")
    (tmp_path / "..tmp").symlink_to("..2")
    os.rename(tmp_path / "..tmp", tmp_path / "..data")
    assert b"new" in get(port, "/file?path=/config/key")
    task.call("Kill", signal=9)
    task.wait()
    task.finish()


def test_what_asks_for_more_is_refused_by_name(node):
    rows = [
        ({"config": spec(["x"], namespaces=("pid", "user"))}, "user"),
        ({"mounts": [bind("/nonexistent/folder", "/data", "ro")]}, "/nonexistent/folder"),
        ({"env": ["PORT=99999"], "wasm": "server"}, "PORT"),
        ({"annotations": {"skep.dev/no-such-thing": "1"}}, "skep.dev/no-such-thing"),
        ({"mounts": [bind("/tmp", "data", "ro")]}, "data"),
    ]
    for options, word in rows:
        task = node.task(options.pop("wasm", "silent"), **options)
        task.start_shim()
        with pytest.raises(Refused) as failure:
            task.create()
            task.start()
        assert word in failure.value.message, failure.value.message
        task.client.close()
        assert task.launch("delete").returncode == 0
        task.forget()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_a_server_answers_on_its_port_with_a_fresh_instance_each_time(node):
    port = free_port()
    task = node.task("server", env=[f"PORT={port}", "NAME=bee"])
    task.run()
    assert b"200 OK" in get(port) and b"bee" in get(port)
    for _ in range(3):
        assert get(port, "/count").partition(b"\r\n\r\n")[2] == b"2\r\n1\n\r\n0\r\n\r\n"
    task.call("Kill", signal=15)
    assert task.wait() == 143
    with pytest.raises(ConnectionRefusedError):
        get(port, deadline=0)
    task.finish()


def test_a_server_of_wasi_03_answers_too(node):
    port = free_port()
    task = node.task("server3", env=[f"PORT={port}"])
    task.run()
    assert b"200 OK" in get(port)
    task.call("Kill", signal=9)
    assert task.wait() == 137
    task.finish()


def test_a_trap_in_a_request_ends_that_request_only(node):
    port = free_port()
    task = node.task("server", env=[f"PORT={port}"])
    task.run()
    assert b" 500 " in get(port, "/trap").split(b"\r\n")[0]
    assert b"200 OK" in get(port)
    task.call("Kill", signal=9)
    task.wait()
    assert b"unreachable" in task.output("stderr")
    task.finish()


def test_a_request_in_flight_is_finished_after_term(node):
    port = free_port()
    task = node.task("server", env=[f"PORT={port}"])
    task.run()
    assert b"200 OK" in get(port)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(get(port, "/sleep?ms=1500")))
    thread.start()
    time.sleep(0.5)
    task.call("Kill", signal=15)
    assert task.wait() == 143
    thread.join()
    assert b"200 OK" in answers[0]
    task.finish()


def test_a_port_that_is_taken_fails_the_task_in_words(node):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        task = node.task("server", env=[f"PORT={port}"])
        task.start_shim()
        with pytest.raises(Refused) as failure:
            task.create()
            task.start()
        assert str(port) in failure.value.message


def test_a_private_namespace_is_the_thread_that_is_reported(node):
    task = node.task("server", env=["PORT=8080"],
                     namespaces=("pid", "ipc", "uts", "mount", "network"))
    task.run()
    pid = task.call("State")["pid"]
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    done = subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "curl", "-s", "http://127.0.0.1:8080/"],
                          capture_output=True, check=False, timeout=30)
    assert done.returncode == 0 and done.stdout, done
    with pytest.raises(OSError):
        get(8080, deadline=0)
    task.call("Kill", signal=9)
    task.wait()
    task.finish()
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_a_container_of_a_pod_listens_in_the_namespace_of_its_pause(node):
    name = f"skep-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        notes = {"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": "pod1"}
        pause = node.task(None, name="pod1", config=spec(
            ["/pause"], annotations=notes,
            namespaces=("pid", "ipc", "uts", "mount", ("network", f"/var/run/netns/{name}"))), stdio=False)
        pause.run()
        pid = pause.call("State")["pid"]
        assert pid > 4194304
        member = node.task("server", env=["PORT=8080"], annotations={**notes,
                           "io.kubernetes.cri.container-type": "container"},
                           namespaces=("pid", ("ipc", f"/proc/{pid}/ns/ipc"), ("uts", f"/proc/{pid}/ns/uts"), "mount",
                                       ("network", f"/proc/{pid}/ns/net")))
        member.run()
        done = subprocess.run(["ip", "netns", "exec", name, "curl", "-s", "http://127.0.0.1:8080/"],
                              capture_output=True, check=False, timeout=30)
        assert done.returncode == 0 and done.stdout, done
        for task in (member, pause):
            task.call("Kill", signal=9)
            assert task.wait() == 137
            task.finish()
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
    assert name not in pathlib.Path("/proc/self/mountinfo").read_text()


def test_both_raw_forms_of_an_image_run(node):
    for form in ("artifact", "layer"):
        task = node.task("exits", form=form)
        task.run()
        assert task.wait() == 42
        task.finish()


def test_a_file_of_the_rootfs_runs(node):
    from containerd import guest
    task = node.task(None, config=spec(["/app/x.wasm", "exit", "9"]))
    folder = node.folder / "tar-rootfs"
    (folder / "app").mkdir(parents=True, exist_ok=True)
    (folder / "app/x.wasm").write_bytes(guest("hello"))
    node.store.image("registry/tar:1", "application/vnd.oci.image.config.v1+json",
                     {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}, [])
    node.store.containers[("default", task.id)] = "registry/tar:1"
    task.start_shim()
    task.create(rootfs=[{"type": "bind", "source": str(folder), "options": ["rbind", "ro"]}])
    task.start()
    assert task.wait() == 9
    task.finish()
    assert str(task.bundle) not in pathlib.Path("/proc/self/mountinfo").read_text()


def test_content_is_read_through_grpc_where_its_folder_is_not_known(fresh):
    fresh.store.hide_root = True
    task = fresh.task("exits")
    task.run()
    assert task.wait() == 42
