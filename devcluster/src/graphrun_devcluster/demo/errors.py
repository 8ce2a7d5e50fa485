"""Why the demo stopped."""

from typing import Any

from graphrun_devcluster.errors import DevClusterError


class DemoError(DevClusterError):
    """A step of the demo did not do what it should; the message tells what was expected and what was seen."""


class RefusedError(DemoError):
    """The API or kubectl refused a request.

    Attributes:
        status: the HTTP status; 0 for kubectl.
        body: the answer: a problem document (RFC 9457), or kubectl's words under `detail`.
    """

    def __init__(self, what: str, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{what}: {status or 'refused'}: {body.get('detail') or body.get('title') or body}")
        self.status = status
        self.body = body
