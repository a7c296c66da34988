# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG, each a file that needs no other: panels of lines one below the other, or bars."""
import math

WIDTH, HEIGHT, LEFT, TOP, GAP, RIGHT = 620, 230, 80, 60, 90, 190
COLOURS = ("#d98200", "#3b6fb6", "#7a7a7a", "#2e8b57", "#b03a5b", "#7d5ba6", "#8b6b3d")
# The same colour for the same name in every plot.
KNOWN = {"skep": 0, "skep, tar": 4, "skep, other name": 5, "skep, 0.3": 4, "skep, 0.3, reused": 5, "floor": 1, "runc": 2, "runc, Go": 2,
         "wasmtime serve": 1, "hyper": 3, "runwasi": 6}


def escaped(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def words(at, text, anchor="middle", more=""):
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" {more}>{escaped(text)}</text>'


def line(begin, end, colour="#e4e4e4"):
    return (f'<line x1="{begin[0]:.1f}" y1="{begin[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" '
            f'stroke="{colour}"/>')


class Axis:
    """From values to places along a length, by decades or evenly, with round marks."""

    def __init__(self, name, values, log=False):
        self.name, self.log = name, log
        low, high = min(values), max(values)
        if log:
            self.low, self.high = math.log10(low), math.log10(high)
            self.marks = [step * 10.0 ** power for power in range(math.floor(self.low), math.ceil(self.high) + 1)
                          for step in (1, 2, 5) if low * 0.99 <= step * 10.0 ** power <= high * 1.01]
            self.low, self.high = self.low - 0.03, self.high + 0.03
        else:
            size = 10.0 ** math.floor(math.log10(high or 1))
            size = next(size * part for part in (0.1, 0.2, 0.5, 1, 2) if high / (size * part) <= 8)
            self.low, self.high = 0.0, size * math.ceil(high / size)
            self.marks = [size * index for index in range(round(self.high / size) + 1)]

    def place(self, value):
        return ((math.log10(value) if self.log else value) - self.low) / ((self.high - self.low) or 1)


def panel(top, title, series, x, y):
    """series: name -> points."""
    parts = [words((LEFT, top - 12), title, "start", 'font-weight="bold"')]
    for mark in x.marks:
        at = LEFT + x.place(mark) * WIDTH
        parts += [line((at, top), (at, top + HEIGHT)), words((at, top + HEIGHT + 17), f"{mark:,.10g}")]
    for mark in y.marks:
        at = top + HEIGHT - y.place(mark) * HEIGHT
        parts += [line((LEFT, at), (LEFT + WIDTH, at)), words((LEFT - 8, at + 4), f"{mark:,.10g}", "end")]
    parts.append(words((LEFT + WIDTH / 2, top + HEIGHT + 36), x.name))
    parts.append(words((0, 0), y.name, "middle",
                       f'transform="translate(18 {top + HEIGHT / 2:.0f}) rotate(-90)"'))
    parts.append(f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>')
    ends = []
    for index, (name, points) in enumerate(series.items()):
        colour = COLOURS[KNOWN.get(name, index) % len(COLOURS)]
        places = [(LEFT + x.place(a) * WIDTH, top + HEIGHT - y.place(b) * HEIGHT) for a, b in points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(points) <= 30:
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places]
        ends.append([places[-1][1], name, colour])
    return "".join(parts + legend(top, ends))


def legend(top, ends):
    """Each name beside the end of its line, none over another."""
    parts, last = [], top - 15.0
    for height, name, colour in sorted(ends):
        last = max(height, last + 17)
        parts.append(words((LEFT + WIDTH + 10, last + 4), name, "start", f'fill="{colour}" font-weight="bold"'))
    return parts


def document(parts, height):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}" '
            f'viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" font-family="sans-serif" font-size="13" fill="#222">'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n')


def lines(panels):
    """panels: (title, name -> points, (x's name, log), (y's name, log))."""
    parts = []
    for index, (title, series, across, up) in enumerate(panels):
        points = [point for values in series.values() for point in values]
        parts.append(panel(TOP + index * (HEIGHT + GAP), title, series, Axis(across[0], [a for a, _ in points], across[1]),
                           Axis(up[0], [b for _, b in points], up[1])))
    return document(parts, TOP + len(panels) * (HEIGHT + GAP))


def distribution(figures):
    """figures: title -> name -> values: the share of rounds that took at most so long."""
    return lines([(title, {name: [(value, (place + 1) * 100 / len(values)) for place, value in enumerate(sorted(values))]
                           for name, values in by_name.items()}, ("milliseconds", True), ("% of rounds", False))
                  for title, by_name in figures.items()])


def bars(title, figures):
    """One bar a name: the median, and a line from the least to the largest."""
    high = max(max(values) for values in figures.values())
    parts = [words((LEFT, TOP - 20), title, "start", 'font-weight="bold"')]
    for index, (name, values) in enumerate(figures.items()):
        top = TOP + index * 28
        middle = sorted(values)[len(values) // 2]
        at = [LEFT + 100 + value / high * (WIDTH - 160) for value in (middle, min(values), max(values))]
        parts += [words((LEFT + 92, top + 14), name, "end"),
                  f'<rect x="{LEFT + 100}" y="{top}" width="{at[0] - LEFT - 100:.1f}" height="18" fill="{COLOURS[0]}"/>',
                  line((at[1], top + 9), (at[2], top + 9), "#000"), words((at[2] + 6, top + 14), f"{middle:,.0f}", "start")]
    return document(parts, TOP + len(figures) * 28 + 20)


__all__ = ["bars", "distribution", "lines"]
