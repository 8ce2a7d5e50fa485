"""Options of the benchmarks' command lines."""

import argparse
from collections.abc import Callable, Sequence


def choice(names: Sequence[str]) -> Callable[[str], list[str]]:
    """Return a type for argparse: some of `names`, with commas between; in the order of `names`."""

    def parse(given: str) -> list[str]:
        chosen = given.split(",")
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(names)}")
        return [name for name in names if name in chosen]

    return parse
