"""Headers of answers, as the OpenAPI document tells of them."""

from typing import Any, Final

Json = dict[str, Any]

ETAG: Final = "ETag"
LINK: Final = "Link"
LOCATION: Final = "Location"
PREFERENCE_APPLIED: Final = "Preference-Applied"
RETRY_AFTER: Final = "Retry-After"
AUTHENTICATE: Final = "WWW-Authenticate"

_TEXT: Final = {"type": "string"}
# The components of the document.
HEADERS: Final[dict[str, Json]] = {
    ETAG: {"description": "the version, for `If-Match` and `If-None-Match`", "schema": _TEXT},
    LINK: {"description": 'the next page, `rel="next"` (RFC 8288); none of the last one', "schema": _TEXT},
    LOCATION: {"description": "path of what was made", "schema": _TEXT},
    PREFERENCE_APPLIED: {"description": "`wait=N`: that was waited for at most", "schema": _TEXT},
    RETRY_AFTER: {"description": "seconds after which to try again", "schema": {"type": "integer"}},
    AUTHENTICATE: {"description": "`Bearer`", "schema": _TEXT},
}


def with_headers(*names: str) -> Json:
    """The part of an answer in the document that tells of its headers."""
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}
