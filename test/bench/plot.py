# SPDX-License-Identifier: Apache-2.0
"""Distributions as SVG: one panel a figure, one line a runtime, share of rounds against milliseconds."""
import math

COLOURS = {"runc": "#888888", "skep": "#d98200"}
WIDTH, HEIGHT, LEFT, TOP, GAP = 640, 150, 60, 40, 70


def _panel(figure, by_runtime, top):
    low = min(min(values) for values in by_runtime.values())
    high = max(max(values) for values in by_runtime.values())
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))

    def x(value):
        return LEFT + (math.log10(value) - first) / max(last - first, 1) * WIDTH

    parts = [f'<text x="{LEFT}" y="{top - 10}" font-weight="bold">{figure}</text>',
             f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ccc"/>']
    for power in range(first, last + 1):
        at = x(10 ** power)
        parts.append(f'<line x1="{at}" y1="{top}" x2="{at}" y2="{top + HEIGHT}" stroke="#eee"/>'
                     f'<text x="{at}" y="{top + HEIGHT + 16}" text-anchor="middle">{10 ** power:g} ms</text>')
    for index, (runtime, values) in enumerate(by_runtime.items()):
        ordered = sorted(values)
        points = " ".join(f"{x(value):.1f},{top + HEIGHT - (place + 1) / len(ordered) * HEIGHT:.1f}"
                          for place, value in enumerate(ordered))
        colour = COLOURS.get(runtime, "#000")
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<text x="{LEFT + WIDTH - 60}" y="{top + 18 + 18 * index}" fill="{colour}">{runtime}</text>')
    return "".join(parts)


def distribution(figures):
    height = TOP + len(figures) * (HEIGHT + GAP)
    panels = "".join(_panel(figure, by_runtime, TOP + index * (HEIGHT + GAP))
                     for index, (figure, by_runtime) in enumerate(figures.items()))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 2 * LEFT}" height="{height}" '
            f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>'
            f"{panels}</svg>\n")


def bars(title, figures):
    """One bar a name: the median, and a line from the least to the largest."""
    high = max(max(values) for values in figures.values())
    parts = [f'<text x="{LEFT}" y="{TOP - 15}" font-weight="bold">{title}</text>']
    for index, (name, values) in enumerate(figures.items()):
        top = TOP + index * 28
        middle = sorted(values)[len(values) // 2]
        at = [LEFT + 100 + value / high * (WIDTH - 160) for value in (middle, min(values), max(values))]
        parts.append(f'<text x="{LEFT + 92}" y="{top + 14}" text-anchor="end">{name}</text>'
                     f'<rect x="{LEFT + 100}" y="{top}" width="{at[0] - LEFT - 100:.1f}" height="18" fill="#d98200"/>'
                     f'<line x1="{at[1]:.1f}" y1="{top + 9}" x2="{at[2]:.1f}" y2="{top + 9}" stroke="#000"/>'
                     f'<text x="{at[2] + 6:.1f}" y="{top + 14}">{middle:.0f}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 2 * LEFT}" '
            f'height="{TOP + len(figures) * 28 + 20}" font-family="sans-serif" font-size="13">'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n')
