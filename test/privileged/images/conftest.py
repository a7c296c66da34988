# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

from leave import pytest_sessionfinish, pytest_unconfigure  # noqa: E402, F401
