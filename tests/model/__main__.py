"""`make model`: the settings of the tests, as wide as is asked for, or one of the rules switched off."""

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from model.explorer import Explorer
from model.setting import SETTINGS, Setting
from model.switches import RULES, shown_without


def main() -> int:
    """Explore and tell; 1 where an invariant is broken."""
    asked = _arguments()
    broken = False
    for setting in _wanted(asked):
        began = time.process_time()
        found = Explorer(setting).explore()
        spent = time.process_time() - began
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stdout.write(f"{found}  ({spent:.0f} s of CPU, {megabytes} MB)\n")
        sys.stdout.flush()
        broken = broken or found.finding is not None
    return int(broken)


def _wanted(asked: argparse.Namespace) -> Iterator[Setting]:
    if asked.off:
        yield shown_without(asked.off)
        return
    for setting in SETTINGS:
        if asked.only in setting.name:
            yield replace(
                setting,
                moves=setting.moves if asked.moves is None else asked.moves,
                faults=setting.faults if asked.faults is None else asked.faults,
                operators=setting.operators if asked.operators is None else asked.operators,
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make model", description=__doc__)
    parser.add_argument("--only", default="", help="settings whose name has this in it")
    parser.add_argument("--moves", type=int, help="of the user, in every setting")
    parser.add_argument("--faults", type=int, help="in every setting")
    parser.add_argument("--operators", type=int, choices=(1, 2), help="in every setting")
    parser.add_argument("--off", choices=sorted(RULES), help="show what comes of leaving out this rule")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
