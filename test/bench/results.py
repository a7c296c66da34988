# SPDX-License-Identifier: Apache-2.0
"""What a part of the bench hands on: a list of rows in NAME.json. A row of several runs is the median of their
values; which bar it has to meet says table.py."""
import json
import statistics


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Part:
    def __init__(self, name, out):
        self.name, self.out, self.rows, self.samples = name, out, [], {}
        out.mkdir(parents=True, exist_ok=True)

    def add(self, figure, runs, unit, threads, peer=None, **more):
        """runs: one value a run. threads: engine threads that ran, None where there is no engine. peer: who it
        is when it is not Skep."""
        name = f"{figure}.{peer}" if peer else figure
        self.rows.append({"figure": name, "value": round(statistics.median(runs), 4), "unit": unit,
                          "threads": threads, "runs": [round(value, 4) for value in runs],
                          **{key: round(value, 4) if isinstance(value, float) else value for key, value in more.items()}})

    def sample(self, figure, who, values):
        """Single measurements, for the plots."""
        self.samples.setdefault(figure, {})[who] = [round(value, 4) for value in values]

    def write(self):
        (self.out / f"{self.name}.json").write_text(json.dumps(self.rows, indent=1) + "\n")
        if self.samples:
            (self.out / f"{self.name}.details.json").write_text(json.dumps(self.samples) + "\n")
        for row in self.rows:
            print(f"  {row['figure']:34} {row['value']:12,.2f} {row['unit']:5} "
                  f"{min(row['runs']):12,.2f} … {max(row['runs']):,.2f}")


__all__ = ["Part", "percentile"]
