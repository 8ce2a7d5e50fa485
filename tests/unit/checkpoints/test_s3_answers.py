"""Nothing but a whole answer of S3 passes for one."""

import io
from datetime import UTC, datetime

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from minio.error import MinioException, S3Error

from graphrun_checkpoints import Entry, Part
from graphrun_checkpoints.s3 import answers as s3_answers

NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult{namespace}><Name>b</Name><Prefix>p/</Prefix><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>
<Contents><Key>p/a&amp;ü</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><Size>7</Size></Contents>
<Contents><Key>p/folder/</Key><LastModified>2026-01-02T03:04:05Z</LastModified><Size>0</Size></Contents>
<NextContinuationToken>more</NextContinuationToken></ListBucketResult>"""


def answer(body: str | bytes, status: int = 200, kind: str = "application/xml") -> urllib3.HTTPResponse:
    data = body.encode() if isinstance(body, str) else body
    return urllib3.HTTPResponse(io.BytesIO(data), headers={"Content-Type": kind}, status=status)


@pytest.mark.parametrize("namespace", [NAMESPACE, ""])
def test_a_page_tells_its_objects_and_whether_there_is_more(namespace: str) -> None:
    page = s3_answers.read_page(answer(PAGE.format(namespace=namespace)), "p/")
    assert page.entries == [Entry("p/a&ü", 7, datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC))]
    assert (page.truncated, page.token, page.last_key) == (True, "more", "p/folder/")


@given(st.integers(0, len(PAGE.format(namespace=NAMESPACE).encode()) - 1))
def test_a_page_cut_anywhere_is_no_page(length: int) -> None:
    with pytest.raises(s3_answers.NonsenseAnswer):
        s3_answers.read_page(answer(PAGE.format(namespace=NAMESPACE).encode()[:length]), "p/")


@pytest.mark.parametrize(
    "body",
    [
        "<ListBucketResult></ListBucketResult>",  # does not say whether it is the end
        "<ListBucketResult><IsTruncated>fblse</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",  # nothing to go on with
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>p/a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>q</Key><Size>1</Size></Contents>"
        "</ListBucketResult>",  # of another prefix
        "<html><body/></html>",
        "{}",
        "",
    ],
)
def test_what_is_no_page_is_nonsense(body: str) -> None:
    with pytest.raises(s3_answers.NonsenseAnswer):
        s3_answers.read_page(answer(body), "p/")


def test_an_error_in_the_body_of_a_success_is_an_error() -> None:
    body = "<Error><Code>SlowDown</Code><Message>later</Message></Error>"
    for read in (
        lambda: s3_answers.read_page(answer(body), ""),
        lambda: s3_answers.check_copied(answer(body)),
        lambda: s3_answers.check_deleted(answer(body)),
    ):
        with pytest.raises(S3Error, match="SlowDown"):
            read()


def test_missing_keys_count_as_deleted_and_no_other_failure_does() -> None:
    error = f"<DeleteResult{NAMESPACE}><Error><Key>k</Key><Code>%s</Code></Error></DeleteResult>"
    s3_answers.check_deleted(answer(f"<DeleteResult{NAMESPACE}/>"))
    s3_answers.check_deleted(answer(error % "NoSuchKey"))
    with pytest.raises(S3Error, match="AccessDenied"):
        s3_answers.check_deleted(answer(error % "AccessDenied"))
    with pytest.raises(s3_answers.NonsenseAnswer):
        s3_answers.check_deleted(answer("<Deleted/>"))


def test_web_pages_and_parts_are_no_objects() -> None:
    assert s3_answers.check_object(answer(b"x", kind="application/octet-stream")) == b"x"
    for each in (answer("<html/>", kind="text/html; charset=utf-8"), answer(b"x", status=206)):
        with pytest.raises(MinioException):
            s3_answers.check_object(each)
    with pytest.raises(s3_answers.NonsenseAnswer, match="ETag"):
        s3_answers.check_stored(answer(""))


@pytest.mark.parametrize(
    ("headers", "matches"),
    [
        ({"ETag": '"9dd4e461268c8034f5c8564e155c67a6"'}, True),  # the MD5 of "x"
        ({"ETag": '"9DD4E461268C8034F5C8564E155C67A6"'}, True),
        ({"ETag": '"00000000000000000000000000000000"'}, False),
        ({"ETag": '"00000000000000000000000000000000-2"'}, True),  # multipart
        ({}, True),
        ({"ETag": "0" * 32, "x-amz-server-side-encryption": "aws:kms"}, True),
        ({"ETag": "0" * 32, "x-amz-server-side-encryption": "AES256"}, False),
        ({"ETag": "0" * 32, "x-amz-server-side-encryption-customer-algorithm": "AES256"}, True),
    ],
)
def test_an_etag_is_believed_only_where_it_is_a_digest(headers: dict[str, str], *, matches: bool) -> None:
    assert s3_answers.matches_etag(urllib3.HTTPResponse(b"x", headers=headers), b"x") is matches


def part(data: bytes, told: str, status: int = 206) -> urllib3.HTTPResponse:
    headers = {"Content-Range": told, "ETag": '"e"'} if told else {"ETag": '"e"'}
    return urllib3.HTTPResponse(io.BytesIO(data), headers=headers, status=status)


def test_a_part_is_the_one_that_was_asked_for() -> None:
    assert s3_answers.check_part(part(b"cde", "bytes 2-4/9"), 2, 3) == Part(b"cde", 9, '"e"')
    assert s3_answers.check_part(part(b"hi", "bytes 7-8/9"), 7, 3) == Part(b"hi", 9, '"e"')
    assert s3_answers.check_part(part(b"abc", "", status=200), 0, 3) == Part(b"abc", 3, '"e"')


@pytest.mark.parametrize(
    ("data", "told", "status"),
    [
        (b"cde", "bytes 3-5/9", 206),  # another part
        (b"cd", "bytes 2-4/9", 206),  # cut
        (b"cd", "bytes 2-3/9", 206),  # less than there is
        (b"cde", "bytes 2-4/*", 206),
        (b"cde", "", 206),
        (b"abcdefghi", "", 200),  # the whole
    ],
)
def test_what_is_another_part_is_nonsense(data: bytes, told: str, status: int) -> None:
    with pytest.raises(s3_answers.NonsenseAnswer):
        s3_answers.check_part(part(data, told, status), 2, 3)


def test_a_web_page_is_no_part() -> None:
    with pytest.raises(s3_answers.NoS3Server):
        s3_answers.check_part(answer("<html/>", kind="text/html"), 0, 3)
