# SPDX-License-Identifier: Apache-2.0
"""What a guest reads and writes, and where it goes."""
import os
import select
import stat
import time

import pytest
from ttrpc import Refused


def test_output_is_complete_when_the_exit_is_visible(node):
    task = node.task("hello", args=("hello", "flood", "40000"))
    task.run()
    assert task.wait() == 0
    assert len(task.output()) == 40000
    assert task.output("stderr") == b""
    task.finish()


def test_the_streams_end_at_exit_without_a_delete(node):
    task = node.task("exits")
    task.run()
    task.wait()
    for stream in ("stdout", "stderr"):
        assert select.select([task.readers[stream]], [], [], 10)[0]
        assert os.read(task.readers[stream], 10) == b""
    task.finish()


def test_a_full_fifo_holds_only_its_guest(node):
    slow = node.task("hello", args=("hello", "flood", "1000000"))
    slow.run()
    quick = node.task("exits")
    quick.run()
    assert quick.wait() == 42
    quick.finish()
    assert slow.call("State")["status"] == 2
    assert len(slow.output()) == 1000000
    assert slow.wait() == 0
    slow.finish()


def test_a_reader_may_go_and_come_back_as_when_containerd_restarts(node):
    task = node.task("hello", args=("hello", "sleep", "2"))
    task.run()
    os.close(task.readers["stdout"])
    os.close(task.readers["stderr"])
    time.sleep(0.2)
    for stream in ("stdout", "stderr"):
        task.readers[stream] = os.open(task.paths[stream], os.O_RDONLY | os.O_NONBLOCK)
    assert task.wait() == 0
    task.finish()


def test_stdin_reaches_the_guest_and_ends_by_closeio(node):
    task = node.task("hello", args=("hello", "echo"))
    path = task.bundle / "stdin"
    os.mkfifo(path)
    task.paths["stdin"] = str(path)
    task.start_shim()
    task.create()
    first = os.open(path, os.O_WRONLY)
    task.start()
    os.write(first, b"one ")
    os.close(first)
    second = os.open(path, os.O_WRONLY)  # a second attachment: no end of file in between
    os.write(second, b"two")
    os.close(second)
    time.sleep(0.2)
    assert task.call("State")["status"] == 2
    task.call("CloseIO", stdin=True)
    assert task.wait() == 0
    assert task.output() == b"one two"
    task.finish()


def test_file_urls_are_appended_to(node, tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    task = node.task("hello", args=("hello", "flood", "10"), stdio=False)
    task.paths.update(stdout=f"file://{log}", stderr=f"file://{log}")
    task.run()
    assert task.wait() == 0
    assert log.read_bytes().startswith(b"before\n") and log.stat().st_size == 17
    task.finish()


def logger(tmp_path, text):
    path = tmp_path / "logger"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(stat.S_IRWXU)
    return path


def test_binary_loggers_get_both_streams_their_words_and_environment(node, tmp_path):
    program = logger(tmp_path, f'echo "$@" > {tmp_path}/words; env > {tmp_path}/env\n'
                     f"exec 5>&-\ncat <&3 > {tmp_path}/out\ncat <&4 > {tmp_path}/err\n")
    task = node.task("hello", args=("hello", "flood", "100"), stdio=False)
    url = f"binary://{program}?key=value"
    task.paths.update(stdout=url, stderr=url)
    task.run()
    assert task.wait() == 0
    task.finish()
    end = time.monotonic() + 10
    while time.monotonic() < end and not (tmp_path / "err").exists():
        time.sleep(0.01)
    assert (tmp_path / "out").stat().st_size == 100
    assert (tmp_path / "words").read_text().split() == ["key", "value"]
    env = (tmp_path / "env").read_text()
    assert f"CONTAINER_ID={task.id}\n" in env and "CONTAINER_NAMESPACE=default\n" in env


def test_a_logger_that_is_missing_is_named(node, tmp_path):
    task = node.task("silent", stdio=False)
    task.paths.update(stdout=f"binary://{tmp_path}/nobody", stderr=f"binary://{tmp_path}/nobody")
    task.start_shim()
    with pytest.raises(Refused) as failure:
        task.create()
        task.start()
    assert "nobody" in failure.value.message


def test_a_fifo_that_does_not_exist_is_named(node):
    task = node.task("silent", stdio=False)
    task.paths["stdout"] = str(task.bundle / "no-such-fifo")
    task.start_shim()
    with pytest.raises(Refused) as failure:
        task.create()
        task.start()
    assert "no-such-fifo" in failure.value.message


def test_no_stdio_at_all_is_fine(node):
    task = node.task("hello", args=("hello", "flood", "100000"), stdio=False)
    task.run()
    assert task.wait() == 0
    task.finish()
