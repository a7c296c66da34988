#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that ROWS.md has every row of the contract and names only tests that exist and are run."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
UNIT = HERE.parent / "unit/ttrpc"
TABLES = {"What a shim must do": 25, "Pitfalls of one process for many pods": 28}


def exists(floor, file, name):
    if floor:
        path = UNIT / f"test_{file}.c"
        return path.exists() and re.search(rf"\bROW\({name}\)|unit_test\({name}\)", path.read_text())
    path = HERE / f"test_{file}.py"
    run = re.search(rf"foreach\(subject [^)]*\b{file}\b", (HERE / "CMakeLists.txt").read_text())
    return run and path.exists() and re.search(rf"^def {name}\(", path.read_text(), re.M)


def main():
    bad, named = [], 0
    for part in (HERE / "ROWS.md").read_text().split("\n## ")[1:]:
        title, *lines = part.splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| \d", line)]
        if [row[0] for row in rows] != [str(number) for number in range(1, TABLES.pop(title, 0) + 1)]:
            bad.append(f"{title}: rows are missing, doubled or out of order")
        for row in rows:
            tests = re.findall(r"(unit/)?(\w+): (\w+)", row[2])
            bad += [f"{title}, row {row[0]}: names no test"] if not tests else []
            bad += [f"{title}, row {row[0]}: no test {floor}{file}: {name}" for floor, file, name in tests
                    if not exists(floor, file, name)]
            named += len(tests)
    bad += [f"the table '{title}' is missing" for title in TABLES]
    for line in bad:
        print(f"check_rows: {line}", file=sys.stderr)
    print(f"check_rows: {named} tests named, {len(bad)} faults")
    return 1 if bad or named == 0 else 0


sys.exit(main())
