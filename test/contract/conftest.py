# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a node for a whole file of tests in both versions of the task service, and a node of its
own for tests that break something."""
import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from containerd import BUILD, Node  # noqa: E402


def pytest_collection_modifyitems(items):
    items_of_skepd = [item for item in items if "test_registry" not in item.nodeid]
    programs = ["containerd-shim-skep-v2", "skepd", "skep-images", "skep-compiler", "skep-worker"]
    missing = [name for name in programs if not (BUILD / "bin" / name).exists()]
    for item in items_of_skepd:
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"not built: {', '.join(missing)}"))
        elif os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="skepd needs root"))


@pytest.fixture(scope="session")
def cache():
    with tempfile.TemporaryDirectory(prefix="skep-cache-") as folder:
        yield folder


@pytest.fixture(scope="module", params=["v2", "v3"])
def node(request, cache):
    made = Node(cache, request.param)
    yield made
    made.close()


@pytest.fixture(params=["v2", "v3"])
def fresh(request, cache):
    made = Node(cache, request.param)
    yield made
    made.close()
