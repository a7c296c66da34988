# SPDX-License-Identifier: Apache-2.0
"""Bytes that cost their sender little and whoever compiles them much. Made anew for each run: the
largest is a hundred megabytes. `bombs.py ID FILE` writes one."""
import sys


def leb(value):
    """An unsigned number as WebAssembly writes it."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        if value == 0:
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)


def vec(items):
    return leb(len(items)) + b"".join(items)


def many(item, count):
    return leb(count) + item * count


def text(name):
    return leb(len(name)) + name


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


CORE, COMPONENT = b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0"
VOID = b"\x60\0\0"  # () -> ()
ONE = b"\x60\1\x7f\1\x7f"  # i32 -> i32
START = text(b"_start") + b"\0\0"
MEMORY = text(b"memory") + b"\2\0"


def body(code, local_groups=()):
    inside = vec(list(local_groups)) + code + b"\x0b"
    return leb(len(inside)) + inside


def module(*sections):
    return CORE + b"".join(section(number, content) for number, content in sections)


def command(bodies, more=()):
    """A core module of preview 1 with those functions, all () -> (), the first being _start."""
    parts = [(1, vec([VOID])), (3, many(b"\0", len(bodies))), (5, vec([b"\0\1"])),
             (7, vec([START, MEMORY])), (10, vec(bodies)), *more]
    return module(*sorted(parts, key=lambda part: {12: 9.5}.get(part[0], part[0])))


# What follows the types of a module whose function of type 0 is _start.
OF_A_COMMAND = [(3, vec([b"\0"])), (7, vec([START])), (10, vec([body(b"")]))]


def component(*sections):
    return COMPONENT + b"".join(section(number, content) for number, content in sections)


# local.get 0, local.get 0, i32.mul, i32.load, local.set 0
STEP = b"\x20\0\x20\0\x6c\x28\2\0\x21\0"
I32 = b"\1\x7f"  # one local


def functions(count, size):
    """That many functions of that many bytes, each byte of which has to be compiled."""
    return command([body(STEP * (size // len(STEP)), [I32])] * count)


def claimed_functions():
    return module((1, vec([VOID])), (3, many(b"\0", 10000)),
                  (10, leb(10000) + leb(1 << 20) + b"\0" + STEP * 1000))


def nested_blocks(depth):
    return command([body(b"\x02\x40" * depth + b"\x0b" * depth)])


def jump_tables(depth, count):
    jump = b"\x41\0\x0e" + leb(depth - 1) + b"".join(leb(i) for i in range(depth))
    one = body(b"\x02\x40" * depth + jump + b"\x0b" * depth)
    return command([body(b"")] + [one] * count)


def long_jump_table(targets):
    return command([body(b"\x02\x40\x41\0\x0e" + leb(targets) + b"\0" * (targets + 1) + b"\x0b")])


def live_values(values, loops):
    """Each loop may change each local: that many values meet at that many places."""
    change = b"".join(b"\x20" + leb(i) + b"\x41\1\x6a\x21" + leb(i) for i in range(values))
    return command([body(b"", []), body((b"\x03\x40" + change + b"\x20\0\x0d\0\x0b") * loops,
                                        [leb(values) + b"\x7f"])])


def deep_operands(depth):
    return command([body(b"\x41\1" * depth + b"\x6a" * (depth - 1) + b"\x1a")])


def many_locals(count):
    return command([body(b"")] + [body(b"", [leb(50000) + b"\x7e"])] * count)


def many_types(count):
    return module((1, leb(count + 1) + VOID + ONE * count), *OF_A_COMMAND)


def many_imports(count):
    return module((1, vec([VOID])),
                  (2, many(text(b"wasi_snapshot_preview1") + text(b"sched_yield") + b"\0\0", count)),
                  *OF_A_COMMAND)


def many_exports(count):
    return module((1, vec([VOID])), (3, vec([b"\0"])),
                  (7, leb(count + 1) + START + b"".join(text(b"%d" % i) + b"\0\0" for i in range(count))),
                  (10, vec([body(b"")])))


def many_globals(count):
    return command([body(b"")], [(6, many(b"\x7f\1\x41\0\x0b", count))])


def many_segments(count):
    return command([body(b"")], [(11, many(b"\0\x41\0\x0b\1x", count))])


def many_elements(count):
    return command([body(b"")], [(4, vec([b"\x70\0" + leb(count)])),
                                 (9, vec([b"\0\x41\0\x0b" + many(b"\0", count)]))])


def table_of(elements):
    return command([body(b"")], [(4, vec([b"\x70\0" + leb(elements)]))])


def memory_of(pages):
    ends = [b"\0\x41\0\x0b\1x", b"\0\x41\x7f\x0b\1x"]
    return module((1, vec([VOID])), (3, vec([b"\0"])), (5, vec([b"\0" + leb(pages)])),
                  (7, vec([START, MEMORY])), (10, vec([body(b"")])), (11, vec(ends)))


def declared_segment():
    return module((1, vec([VOID])), (3, vec([b"\0"])), (5, vec([b"\0" + leb(20000)])),
                  (7, vec([START, MEMORY])), (10, vec([body(b"")])),
                  (11, leb(1) + b"\0\x41\0\x0b" + leb(1 << 30) + b"x" * 100))


def declared_counts():
    """Every section says that four thousand million items follow."""
    return CORE + b"".join(section(number, leb(0xFFFFFFFF) + b"\0") for number in (1, 2, 3, 4, 5, 6, 7, 9, 11))


def nested_components(depth):
    inner = COMPONENT
    for _ in range(depth):
        inner = component((4, inner))
    return inner


def nested_types(depth):
    inner = b"\x41\0"
    for _ in range(depth):
        inner = b"\x41\1\1" + inner
    return component((7, vec([inner])))


def doubled_types(depth):
    types = [b"\x6f" + many(b"\x7d", 64)]
    for i in range(depth):
        types.append(b"\x6f" + vec([leb(i), leb(i)]) if i < 64 else b"\x6f\1\x7d")
    return component((7, vec(types)))


def doubled_instance_types(depth):
    types = [b"\x42" + vec([b"\1\x40\0\1\0", b"\4\0\1f\1\0"])]
    for i in range(depth):
        types.append(b"\x42" + vec([b"\2\3\2\1" + leb(i), b"\4\0\1a\5\0", b"\4\0\1b\5\0"]))
    return component((7, vec(types)), (10, vec([b"\0\5a:b/c\5" + leb(depth)])))


def doubled_instances(depth):
    inner = component((1, functions(1, 100)), (2, vec([b"\0\0\0"])))
    for _ in range(depth):
        inner = component((4, inner), (5, vec([b"\0\0\0", b"\0\0\0"])))
    return inner


def many_instances(count):
    return component((1, functions(1, 100)), (2, many(b"\0\0\0", count)))


def many_aliases(count):
    one = b"\0\0\1\0\6_start"
    return component((1, functions(1, 100)), (2, vec([b"\0\0\0"])), (6, many(one, count)))


def many_modules(count):
    return COMPONENT + section(1, functions(1, 20)) * count


def long_names():
    return component((7, vec([b"\x40\0\1\0"])),
                     (10, vec([b"\0" + text(b"n" + b"a" * (1 << 20)) + b"\1\0"])))


def noise():
    """Bytes without meaning behind a head that has one; the same each time."""
    value, out = 88172645463325252, bytearray()
    while len(out) < 1 << 20:
        value ^= (value << 13) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 7
        value ^= (value << 17) & 0xFFFFFFFFFFFFFFFF
        out += value.to_bytes(8, "little")
    return CORE + bytes(out)


# id, in words, who makes the bytes
BOMBS = [
    ("functions-small", "10,000 functions, 1 MB in all", lambda: functions(10000, 100)),
    ("functions-large", "100 functions of 1 MB", lambda: functions(100, 1000000)),
    ("functions-claimed", "10,000 functions that say they have 1 MB each", claimed_functions),
    ("blocks", "3,000,000 blocks inside one another", lambda: nested_blocks(3000000)),
    ("jump-tables", "2,000 blocks with a jump to each, 300 times", lambda: jump_tables(2000, 300)),
    ("jump-table", "one jump with 7,000,000 targets", lambda: long_jump_table(7000000)),
    ("live-values", "2,000 loops that each change 300 values", lambda: live_values(300, 2000)),
    ("operands", "2,500,000 operands on the stack", lambda: deep_operands(2500000)),
    ("locals", "50,000 locals in each of 10,000 functions", lambda: many_locals(10000)),
    ("types", "5,000,000 types", lambda: many_types(5000000)),
    ("imports", "2,000,000 imports", lambda: many_imports(2000000)),
    ("exports", "2,000,000 exports", lambda: many_exports(2000000)),
    ("globals", "5,000,000 globals", lambda: many_globals(5000000)),
    ("segments", "5,000,000 data segments", lambda: many_segments(5000000)),
    ("elements", "10,000,000 elements", lambda: many_elements(10000000)),
    ("table", "a table of 4,000,000,000 elements", lambda: table_of(4000000000)),
    ("memory", "a memory of 4 GiB with data at both ends", lambda: memory_of(65536)),
    ("segment-declared", "a data segment that says it has 1 GiB", declared_segment),
    ("counts-declared", "sections that say they have 4,294,967,295 items", declared_counts),
    ("components", "10,000 components inside one another", lambda: nested_components(10000)),
    ("component-types", "100,000 types inside one another", lambda: nested_types(100000)),
    ("doubled-types", "a type of two of a type of two, 60 times", lambda: doubled_types(60)),
    ("doubled-instance-types", "an instance of two instances, 30 times", lambda: doubled_instance_types(30)),
    ("doubled-instances", "a component that makes another twice, 30 times", lambda: doubled_instances(30)),
    ("instances", "1,000,000 instances of one module", lambda: many_instances(1000000)),
    ("aliases", "3,000,000 aliases of one function", lambda: many_aliases(3000000)),
    ("modules", "500,000 modules in one component", lambda: many_modules(500000)),
    ("names", "an import with a name of 1 MiB", long_names),
    ("noise", "1 MiB of noise behind the magic number", noise),
]

if __name__ == "__main__":
    with open(sys.argv[2], "wb") as file:
        file.write({bomb: make for bomb, _, make in BOMBS}[sys.argv[1]]())
