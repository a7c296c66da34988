# SPDX-License-Identifier: Apache-2.0
"""The figures that the bench is for, and what each has to be: its bars, and what it reaches for. A row of a
part's list is called FIGURE, or FIGURE.WHAT for what belongs to it: a percentile, or what a peer reached. A bar
is a number, or a multiple of what a peer reached in the same run."""
import operator

SIGNS = {"≤": operator.le, "<": operator.lt, "≥": operator.ge}


class Bar:
    """What one row has to be: SIGN factor [× a peer's]."""

    def __init__(self, sign, factor, beside=None, of=None):
        self.sign, self.factor, self.beside, self.of = sign, factor, beside, of

    def limit(self, rows, figure):
        """The number that it means in this run; None when there is none."""
        if self.beside is None:
            return self.factor
        other = rows.get(f"{figure.replace('_reuse', '')}.{self.beside}")
        return self.factor * other["value"] if other else None

    def holds(self, rows, figure):
        row, limit = rows.get(f"{figure}.{self.of}" if self.of else figure), self.limit(rows, figure)
        return SIGNS[self.sign](row["value"], limit) if row and limit is not None else None

    def words(self):
        name = f"{self.of.replace('_', ' ')} " if self.of else ""
        return f"{name}{self.sign} {self.factor:,g}" + (f" × {self.beside}" if self.beside else "")


class Figure:
    def __init__(self, name, bars, reach):
        self.name, self.bars, self.reach = name, bars, [reach]

    def verdict(self, bars, rows):
        """True or False; None when it, or what it is held against, was not measured."""
        held = [bar.holds(rows, self.name) for bar in bars]
        return False if False in held else None if None in held else True


FIGURES = (
    Figure("start_warm_us", [Bar("≤", 20), Bar("<", 35, of="p99")], Bar("≤", 10)),
    Figure("create_start_ms", [Bar("≤", 1.5, "floor"), Bar("≤", 0.2, "runc")], Bar("≤", 1.2, "floor")),
    Figure("ctr_run_ms", [Bar("≤", 1.15, "floor")], Bar("≤", 1.05, "floor")),
    Figure("starts_per_s", [Bar("≥", 0.7, "floor"), Bar("≥", 3, "runc")], Bar("≥", 0.9, "floor")),
    Figure("skepd_create_start_us", [Bar("≤", 300), Bar("≤", 1500, of="p99")], Bar("≤", 100)),
    Figure("pod_idle_http_kib", [Bar("≤", 64)], Bar("≤", 32)),
    Figure("pod_command_kib", [Bar("≤", 128)], Bar("≤", 80)),
    Figure("pods_in_worker", [Bar("≥", 10000), Bar("≤", 1.5, of="start_ratio"), Bar("≤", 1, of="idle_cpu_pct"),
                               Bar("≤", 0, of="left")],
           Bar("≥", 20000)),
    Figure("http_rps_32", [Bar("≥", 2.5, "wasmtime serve")], Bar("≥", 0.5, "hyper")),
    Figure("http_reuse_rps_32", [Bar("≥", 0.25, "hyper")], Bar("≥", 0.5, "hyper")),
    Figure("neighbour_p99_ms", [Bar("≤", 5)], Bar("≤", 2)),
    Figure("quota_error_pct", [Bar("≤", 5)], Bar("≤", 2)),
    Figure("weight_error_pct", [Bar("≤", 10)], Bar("≤", 5)),
    Figure("stats_cpu_ms", [Bar("≤", 100)], Bar("≤", 30)),
)

__all__ = ["FIGURES"]
