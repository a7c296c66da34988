# SPDX-License-Identifier: Apache-2.0
"""For conftest.py of tests that use gRPC: end when pytest has said all it has to say.

Debian 13's grpcio waits for ever at the interpreter's end for an object of its own ("Waiting for 1
iomgr objects to be destroyed"), with every channel and server closed.
"""
import os
import sys

status = 0


def pytest_sessionfinish(session, exitstatus):  # noqa: ARG001
    global status
    status = int(exitstatus)


def pytest_unconfigure(config):  # noqa: ARG001
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
