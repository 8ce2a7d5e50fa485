"""Logs as JSON lines on standard output; the run that a pass is about is bound once, for every line of the pass."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from graphrun_core.times import to_rfc3339
from graphrun_operator.model import RunKey

bound_run: Final[ContextVar[RunKey | None]] = ContextVar("bound_run", default=None)

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Libraries tell more than an operator's operator wants to read.
_QUIET: Final = ("kopf", "kubernetes", "aiohttp", "asyncio")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then the keys of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        line: dict[str, Any] = {
            "time": to_rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        key = bound_run.get()
        if key:
            line |= {"namespace": key.namespace, "run": key.name}
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(level: str) -> None:
    """Send everything to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
