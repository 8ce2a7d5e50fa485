"""Does an input fit a Workflow's inputSchema? As a function, and as a program that answers it line by line.

    {"schema": …, "given": …}  ──▶  {"reason": "InputInvalid", "message": "spec.input.a: …"}

A program of its own, because a schema may be built to take forever (a regular expression that backtracks, a tree of
references): such a one can only be ended with its process.
"""

import json
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

Json = dict[str, Any]

_MEMORY_BYTES: Final = 512 * 1024 * 1024
# Whoever asked has given up by then, or is gone; in seconds.
_LONGEST: Final = 5


@dataclass(frozen=True)
class Verdict:
    """What stands against an input or its schema: a key of core's reasons, empty where nothing does, and what."""

    reason: str = ""
    message: str = ""


def judge(schema: Json, given: object) -> Verdict:
    """Check `given` against `schema` (JSON Schema 2020-12), and that against its own."""
    try:
        Draft202012Validator.check_schema(schema)
        # An empty registry: a $ref to somewhere else is an error, never a request to a server.
        error = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(given))
    except (SchemaError, Unresolvable) as broken:
        return Verdict("WorkflowInvalid", f"spec.inputSchema: {_first_line(broken)}")
    except (RecursionError, MemoryError) as endless:
        return Verdict("WorkflowInvalid", f"spec.inputSchema: it has no end ({type(endless).__name__})")
    if error is None:
        return Verdict()
    field = ".".join(["spec.input", *(str(part) for part in error.absolute_path)])
    return Verdict("InputInvalid", f"{field}: {error.message}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def main() -> None:
    """Answer questions on standard input until it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    for line in sys.stdin:
        asked = json.loads(line)
        signal.alarm(_LONGEST)  # ends the process, whatever it is at
        verdict = judge(asked["schema"], asked["given"])
        signal.alarm(0)
        sys.stdout.write(json.dumps(asdict(verdict)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
