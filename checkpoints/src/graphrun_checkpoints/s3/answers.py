"""What an S3 server says, read so strictly that nothing else passes for it.

A half of a LIST must not pass for the end of the list, nor a web page for a stored object.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn
from xml.etree import ElementTree as ET

import urllib3
from minio.error import MinioException, S3Error

from graphrun_checkpoints.store import Entry, Part

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 120
_OK, _PARTIAL = 200, 206
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_MD5 = re.compile("[0-9a-f]{32}")
_CUSTOMER_KEY = "x-amz-server-side-encryption-customer-algorithm"


class NonsenseAnswer(MinioException):
    """The server answered with success, but not in the words of S3: damaged on the way, perhaps."""


class NoS3Server(MinioException):
    """The server answered with a web page."""


@dataclass(frozen=True)
class Page:
    """One page of a LIST.

    Attributes:
        entries: Objects; folders that some servers list among them are left out.
        truncated: Whether there is more.
        token: What continues after this page; None where the server gives none.
        last_key: The last listed, folders included; continues where there is no token.
    """

    entries: Sequence[Entry]
    truncated: bool
    token: str | None
    last_key: str


def read_page(answer: urllib3.BaseHTTPResponse, prefix: str) -> Page:
    """The answer of ListObjectsV2.

    Raises:
        NonsenseAnswer: It is cut, or lacks what tells the end of the list from a page of it.
        NoS3Server: It is a web page.
        S3Error: It is an error in the body of a success.
    """
    root = _xml(answer, "ListBucketResult")
    names = _namespace(root)
    truncated = (root.findtext(f"{names}IsTruncated") or "").strip().lower()
    if truncated not in {"true", "false"}:
        raise NonsenseAnswer(f"a LIST that does not say whether there is more: {_shown(answer.data)}")
    try:
        entries = [_entry(each, names) for each in root.iter(f"{names}Contents")]
    except ValueError as error:
        raise NonsenseAnswer(f"a LIST with an object that has no key, size or time: {error}") from error
    for each in entries:
        if not each.key.startswith(prefix):
            raise NonsenseAnswer(f"a LIST of {prefix!r} with {each.key!r} in it")
    token = root.findtext(f"{names}NextContinuationToken")
    if truncated == "true" and not (token or entries):
        raise NonsenseAnswer("a LIST that has more to tell, but not after what")
    objects = [each for each in entries if not each.key.endswith("/")]
    return Page(objects, truncated == "true", token, entries[-1].key if entries else "")


def check_deleted(answer: urllib3.BaseHTTPResponse) -> None:
    """The answer of DeleteObjects, whose success may hold failures.

    Raises:
        S3Error: The first failure of a key, missing ones aside, or an error in the body of a success.
        NonsenseAnswer: It is cut or something else.
        NoS3Server: It is a web page.
    """
    root = _xml(answer, "DeleteResult")
    names = _namespace(root)
    for failed in root.iter(f"{names}Error"):
        if failed.findtext(f"{names}Code") not in {"NoSuchKey", "NoSuchVersion"}:
            _raise_error(answer, failed, names)


def check_copied(answer: urllib3.BaseHTTPResponse) -> None:
    """The answer of CopyObject, whose status is sent before the copying is done.

    Raises:
        NonsenseAnswer: It is cut or something else.
        NoS3Server: It is a web page.
        S3Error: It is an error in the body of a success.
    """
    _xml(answer, "CopyObjectResult")


def check_stored(answer: urllib3.BaseHTTPResponse) -> None:
    """The answer of PutObject: every S3 server answers with the object's ETag.

    Raises:
        NonsenseAnswer: There is none.
        NoS3Server: It is a web page.
    """
    if not answer.headers.get("ETag"):
        _refuse_web_page(answer)
        raise NonsenseAnswer(f"a PUT answered without an ETag: {_shown(answer.data)}")


def check_object(answer: urllib3.BaseHTTPResponse) -> bytes:
    """The content that GetObject answers; checkpoints are never stored as web pages.

    Raises:
        NonsenseAnswer: The status is that of no whole object.
        NoS3Server: It is a web page.
    """
    _refuse_web_page(answer)
    if answer.status != _OK:
        raise NonsenseAnswer(f"a GET answered with HTTP {answer.status}")
    return answer.data


def check_part(answer: urllib3.BaseHTTPResponse, offset: int, size: int) -> Part:
    """The content that GetObject answers to a Range of `size` bytes from `offset` on.

    Raises:
        NonsenseAnswer: It is another part, or does not tell which.
        NoS3Server: It is a web page.
    """
    _refuse_web_page(answer)
    told = answer.headers.get("Content-Range", "")
    found, length = _CONTENT_RANGE.fullmatch(told), len(answer.data)
    if answer.status == _OK and offset == 0 and length <= size:  # all of it lies within the range
        total = length
    elif answer.status == _PARTIAL and found:
        first, last, total = (int(number) for number in found.groups())
        if (first, last + 1) != (offset, offset + length) or length != min(size, total - offset):
            raise NonsenseAnswer(f"{length} bytes as {told!r}, where {size} from {offset} were asked for")
    else:
        raise NonsenseAnswer(f"a GET of a part answered with HTTP {answer.status} and the range {told!r}")
    return Part(answer.data, total, answer.headers.get("ETag", ""))


def matches_etag(answer: urllib3.BaseHTTPResponse, data: bytes) -> bool:
    """Whether the content can be what the server stored, as far as its ETag tells.

    Only a hint: it is the MD5 of most objects, but not of those encrypted with keys of one's own, and servers differ.
    """
    etag = answer.headers.get("ETag", "").strip('"').lower()
    encryption = answer.headers.get("x-amz-server-side-encryption", "AES256")
    if not _MD5.fullmatch(etag) or encryption != "AES256" or _CUSTOMER_KEY in answer.headers:
        return True
    return hashlib.md5(data, usedforsecurity=False).hexdigest() == etag


def _entry(element: ET.Element, names: str) -> Entry:
    key, size = element.findtext(f"{names}Key"), element.findtext(f"{names}Size")
    modified = element.findtext(f"{names}LastModified")
    if not key or size is None:
        raise ValueError(ET.tostring(element, "unicode")[:_SHOWN])
    time = datetime.fromisoformat(modified) if modified else _LONG_AGO
    return Entry(key, int(size), time if time.tzinfo else time.replace(tzinfo=UTC))


def _xml(answer: urllib3.BaseHTTPResponse, expected: str) -> ET.Element:
    _refuse_web_page(answer)
    try:
        root = ET.fromstring(answer.data)  # noqa: S314 - Python's expat bounds entities itself
    except (ET.ParseError, ValueError) as error:
        raise NonsenseAnswer(f"no whole {expected}: {error}: {_shown(answer.data)}") from error
    name = root.tag.rpartition("}")[2]
    if name == "Error":
        _raise_error(answer, root, _namespace(root))
    if name != expected:
        raise NonsenseAnswer(f"no {expected}: {_shown(answer.data)}")
    return root


def _raise_error(answer: urllib3.BaseHTTPResponse, element: ET.Element, names: str) -> NoReturn:
    code, message = element.findtext(f"{names}Code"), element.findtext(f"{names}Message")
    raise S3Error(answer, code, message, element.findtext(f"{names}Key"), None, None)


def _refuse_web_page(answer: urllib3.BaseHTTPResponse) -> None:
    if "html" in answer.headers.get("Content-Type", ""):
        raise NoS3Server(f"HTTP {answer.status} with a web page: {_shown(answer.data)}")


def _namespace(root: ET.Element) -> str:
    return root.tag[: root.tag.rindex("}") + 1] if root.tag.startswith("{") else ""


def _shown(data: bytes) -> str:
    return repr(data[:_SHOWN].decode(errors="replace"))
