# SPDX-License-Identifier: Apache-2.0
"""Puts the parts' lists together: latest.json, the table with each bar and whether it is met, the plots.

    assemble.py FOLDER PART…     FOLDER/PART.json of every part that ran"""
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

from plot import distribution, lines
from table import FIGURES

WORDS = {True: "met", False: "missed", None: "not measured"}


def machine():
    told = pathlib.Path("/proc/cpuinfo").read_text()
    memory = pathlib.Path("/proc/meminfo").read_text()
    model = re.search(r"model name\s*: (.*)", told)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {"processor": model.group(1) if model else os.uname().machine, "cores": os.cpu_count(),
            "memory_mib": int(re.search(r"MemTotal:\s+(\d+)", memory).group(1)) // 1024,
            "kernel": os.uname().release.split("-")[0], "commit": commit.stdout.strip(),
            "day": datetime.datetime.now(datetime.timezone.utc).date().isoformat()}


def judged(figure, rows):
    """A figure of the table as it goes into latest.json."""
    row = dict(rows[figure.name])
    limits = [bar.limit(rows, figure.name) for bar in figure.bars]
    row["bar"] = [{"is": bar.words(), "limit": limit} for bar, limit in zip(figure.bars, limits)]
    row["reach"] = [{"is": bar.words(), "limit": bar.limit(rows, figure.name)} for bar in figure.reach]
    row["met"] = figure.verdict(figure.bars, rows)
    row["reached"] = figure.verdict(figure.reach, rows)
    return row


def number(value):
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def limits(bars):
    return "; ".join(bar["is"] + (f" = {number(bar['limit'])}" if "×" in bar["is"] else "") for bar in bars)


def table(figures):
    """Rows of text: the head first."""
    listed = [("figure", "value", "bar", "", "reaches for", "", "threads")]
    for figure in FIGURES:
        row = figures.get(figure.name)
        if row is None:
            listed.append((figure.name, "–", "; ".join(bar.words() for bar in figure.bars), WORDS[None],
                           "; ".join(bar.words() for bar in figure.reach), "", ""))
            continue
        tails = [f"{name.split('.', 1)[1].replace('_', ' ')} {number(other['value'])}" for name, other in figures.items()
                 if name.startswith(figure.name + ".") and any(bar.of == name.split(".", 1)[1] for bar in figure.bars)]
        value = f"{number(row['value'])} {row['unit']}" + "".join(f", {tail}" for tail in tails)
        listed.append((figure.name, value, limits(row["bar"]), WORDS[row["met"]], limits(row["reach"]),
                       {True: "reached", False: "not yet", None: "–"}[row["reached"]],
                       str(row["threads"]) if row["threads"] else "–"))
    return listed


def print_table(listed):
    widths = [max(len(row[column]) for row in listed) for column in range(len(listed[0]))]
    for row in listed:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def details(folder, part):
    path = folder / f"{part}.details.json"
    return json.loads(path.read_text()) if path.exists() else {}


def plots(folder, parts, rows):
    """Name -> SVG of what the parts that ran have measured."""
    drawn = {}
    if "through" in parts:
        seen = details(folder, "through")
        drawn["start"] = distribution({"create + start through containerd": seen["create_start_ms"],
                                       "ctr run --rm, the whole command": seen["ctr_run_ms"]})
    if "http" in parts:
        by_server = {}
        for name, row in rows.items():
            found = re.fullmatch(r"http(_reuse)?_rps_(\d+)(?:\.(.*))?", name)
            if found:
                who = "skep, 0.3, reused" if found.group(1) else found.group(3) or "skep"
                by_server.setdefault(who, []).append((int(found.group(2)), row["value"]))
        drawn["requests"] = lines([("requests per second against connections", by_server,
                                    ("connections", True), ("requests per second", True))])
    series = (details(folder, "scale").get("servers") or {}).get("series")
    if "scale" in parts and series:
        starts = {name: [(row["pods"], row[f"create_start_{name}_us"]) for row in series] for name in ("p50", "p99")}
        drawn["pods"] = lines([
            ("create + start inside skepd against the pods that live beside it", starts,
             ("idle HTTP pods", True), ("microseconds", True)),
            ("memory of all Skep processes and of the kernel, for each pod",
             {"skep": [(row["pods"], row["kib_per_pod"]) for row in series]}, ("idle HTTP pods", True), ("KiB", True))])
    noise = details(folder, "noise")
    if "fair" in parts and noise:
        drawn["neighbour"] = lines([("a light server beside pods that spin, no quotas", noise,
                                     ("spinning pods", False), ("milliseconds", False))])
    return drawn


def read(folder, parts, named):
    """The rows of all parts. A figure of which one row is its median is called as the figure itself."""
    rows = {}
    for part in parts:
        for row in json.loads((folder / f"{part}.json").read_text()):
            name = row.get("figure", "")
            if name.endswith(".p50") and name.removesuffix(".p50") in named:
                name = name.removesuffix(".p50")
            if name:
                rows[name] = {**row, "figure": name}
    return rows


def missing(rows):
    """Peers of whom nothing was measured, by what needs them."""
    if "http_rps_32" not in rows:
        return []
    return [name for name in ("wasmtime serve", "runc, Go", "hyper", "runwasi") if f"http_rps_32.{name}" not in rows]


def main():
    folder, parts = pathlib.Path(sys.argv[1]), sys.argv[2:]
    named = {figure.name: figure for figure in FIGURES}
    rows = read(folder, parts, named)
    figures = {name: judged(named[name], rows) if name in named else row for name, row in rows.items()}
    (folder / "latest.json").write_text(json.dumps({"machine": machine(), "parts": parts,
                                                    "not_measured": missing(rows), "figures": list(figures.values())},
                                                   indent=1, ensure_ascii=False) + "\n")
    written = [f"{folder}/latest.json"]
    for name, svg in plots(folder, parts, rows).items():
        (folder / f"{name}.svg").write_text(svg)
        written.append(f"{folder}/{name}.svg")
    print_table(table(figures))
    if missing(rows):
        print("not measured beside them: " + ", ".join(missing(rows)))
    print("written: " + ", ".join(written))


if __name__ == "__main__":
    main()
