"""Look for an input that breaks gradcheck, or gets in: python -m tests.fuzz_inputs --examples 20000 --seed 7

Of every kind that many examples are read: valid files that are damaged, and files that say what is not so.
Each must give a tensor (a suite, a model) or one sentence, within a second and a GiB, and do nothing else: no
code runs, no process starts, no file is written. What breaks this is printed with its number; `--kind npz
--first 1234 --examples 1 --keep x.npz` writes that example. The exit code is 1 if there was any.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections import Counter
from pathlib import Path

from gradcheck.inputs.precision import named_dtype
from tests.inputs.fuzzed import Kind, forked_matlab, kinds
from tests.inputs.watched import Watch, limit_memory

EARLY = 40
"""Examples that are read before any is watched, so that what is imported late is there."""
SHOWN = 3
"""Examples that break a promise in the same way, of those that are printed."""


def main() -> int:
    """Go through all kinds and say what each one found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=20_000, help="examples of each kind (default: 20000)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other examples (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one (default: 0)")
    parser.add_argument("--kind", action="append", help="only this kind, or several")
    parser.add_argument("--but", action="append", default=[], help="not this kind, or several")
    parser.add_argument("--keep", type=Path, help="write the last example to this file")
    arguments = parser.parse_args()
    watch, total = Watch(), 0
    numbers = range(arguments.first, arguments.first + arguments.examples)
    for kind in kinds():
        if kind.name in (arguments.kind or [kind.name]) and kind.name not in arguments.but:
            if arguments.keep:
                arguments.keep.write_bytes(kind.example(arguments.seed, numbers[-1]))
            total += _count(kind, arguments.seed, numbers, watch)
    return min(total, 1)


def _count(kind: Kind, seed: int, numbers: range, watch: Watch) -> int:
    # Keras makes models, TensorFlow knows bfloat16, which start processes when they are imported.
    kind.whole()
    if kind.name in ("safetensors", "stdin"):
        named_dtype("bfloat16")
        importlib.import_module("safetensors")
    with forked_matlab():
        "".encode("utf-8-sig")
        list(kind.found(seed, range(EARLY), Watch(("",))))
        limit_memory()
        started, ways = time.monotonic(), Counter[str]()
        for number, told in kind.found(seed, numbers, watch):
            way = told.partition(" in ")[0][:40]
            ways[way] += 1
            if ways[way] <= SHOWN:
                print(f"{kind.name} {number}: {told}", flush=True)
    seconds = time.monotonic() - started
    rate = f"{seconds:.0f} s, {len(numbers) / seconds:,.0f} a second"
    print(f"{kind.name}: {len(numbers):,} examples in {rate}, {ways.total()} wrong", flush=True)
    return ways.total()


if __name__ == "__main__":
    sys.exit(main())
