# SPDX-License-Identifier: Apache-2.0
"""hello-py: a command in Python. `exit N` ends with that code, `raise` fails, `cat FILE` prints a
file, `sum N` computes; anything else is greeted, with the environment's NAME."""

import os
import sys

from wit_world import exports


def work(words):
    match words:
        case ["exit", code]:
            sys.exit(int(code))
        case ["raise"]:
            raise RuntimeError("as asked")
        case ["cat", path]:
            with open(path, encoding="utf-8") as file:
                print(file.read(), end="")
        case ["sum", limit]:
            print(sum(range(int(limit) + 1)))
        case _:
            print(f"Hello from Python, {os.environ.get('NAME', 'nobody')}:", *words)


class Run(exports.Run):
    def run(self):
        work(sys.argv[1:])
        sys.stdout.flush()
