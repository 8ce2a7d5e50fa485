"""The log of an attempt whose pod is gone, put together from its chunks."""

from collections.abc import AsyncGenerator, Sequence

from graphrun_api.storage.log_chunks import LogChunks, StoredChunk


async def all_of(
    stored: LogChunks, chunks: Sequence[StoredChunk], known: int = 0
) -> AsyncGenerator[bytes, None]:
    """The log from the byte `known` on, a chunk at a time; a line says where bytes are missing, and how many."""
    at_line_start = True
    for chunk in chunks:
        text = await stored.read(chunk)
        if text is None:  # removed meanwhile: it shows as a gap
            continue
        if chunk.offset > known:
            yield gap_line(chunk.offset - known, at_line_start=at_line_start)
        known = max(known, chunk.end)
        if text:
            yield text
            at_line_start = text.endswith(b"\n")


async def last_lines(stored: LogChunks, chunks: Sequence[StoredChunk], count: int) -> bytes:
    """The last `count` lines, those about gaps included. No more chunks are read than it takes."""
    first, ends = len(chunks), 0
    while first and ends <= count:
        first -= 1
        ends += (await stored.read(chunks[first]) or b"").count(b"\n")
    known = chunks[first - 1].end if first else 0
    text = b"".join([piece async for piece in all_of(stored, chunks[first:], known)])
    end = b"\n" if text.endswith(b"\n") else b""
    return b"\n".join(text.removesuffix(b"\n").split(b"\n")[-count:]) + end


def gap_line(missing: int, *, at_line_start: bool) -> bytes:
    """Says that so many bytes of output were lost."""
    return b"%sgraphrun: %d bytes of the log are missing here\n" % (
        b"" if at_line_start else b"\n",
        missing,
    )
