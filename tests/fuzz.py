"""Look for wrong verdicts among new random compositions: python -m tests.fuzz --examples 500 --seed 7

Every kind of right and of wrong program of `test_compositions` gets that many examples; the first wrong
verdict of a kind is shrunk to a small program and printed. The exit code is 1 if there was one.
On two cores about four programs take a second: 500 of each of the twelve kinds half an hour.
"""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import seed as seeded

from tests.acceptance.test_compositions import RIGHT, WRONG, fails, for_all, passes


def main() -> int:
    """Run all properties and say what each one found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=500, help="examples of each kind (default: 500)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other examples (default: 0)")
    parser.add_argument("--kind", help="only the kinds whose name contains this")
    arguments = parser.parse_args()
    found = 0
    for title, kinds, holds in (("right", RIGHT, passes), ("wrong", WRONG, fails)):
        for kind, strategy in kinds.items():
            if arguments.kind and arguments.kind not in kind:
                continue
            started = time.monotonic()
            try:
                seeded(arguments.seed)(for_all(strategy, holds, max_examples=arguments.examples))()
            except AssertionError as error:
                found += 1
                print(
                    f"{title}, {kind}: a wrong verdict\n{error}", *getattr(error, "__notes__", ()), sep="\n"
                )
            else:
                print(f"{title}, {kind}: {arguments.examples} examples in {time.monotonic() - started:.0f} s")
            sys.stdout.flush()
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
