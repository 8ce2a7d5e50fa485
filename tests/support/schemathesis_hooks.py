"""What no document can say, told to schemathesis, which loads this module."""

from typing import Any, Final

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure

# A request can be all that its schema asks for, and still come at the wrong time.
_CIRCUMSTANCES: Final = {
    "/problems/state-forbids",
    "/problems/invalid-cursor",
    "/problems/idempotency-key-reused",
    "/problems/changed-since",
}
_REJECTED: Final = "RejectedPositiveData"


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:  # noqa: ARG001 - the hook's signature
    """Whether a failure is one: not where a fitting request was refused for the state of things."""
    if type(failure).__name__ != _REJECTED:
        return True
    return response.json().get("type") not in _CIRCUMSTANCES
