"""Write docs/openapi.json: the document that the API serves at /openapi.json.

Run without arguments by `make generate`; a test compares the result with what is committed.
"""

import json
from pathlib import Path

from graphrun_api.app import public_api

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def text() -> str:
    """The document as it is committed: indented, so that a change shows in a diff."""
    return json.dumps(public_api().openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
