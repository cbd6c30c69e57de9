"""Forms as the network gives them: any split, any order, bounded everywhere."""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.http.multipart import Form, boundary_of, read_multipart, typed_fields
from resolvers.errors import AppError, ErrorCode

TYPE = "multipart/form-data; boundary=XX"


def part(name: str, body: bytes, more: str = "") -> bytes:
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + body + b"\r\n"


def file_part(body: bytes, filename: str = "a.csv") -> bytes:
    return part("file", body, f'; filename="{filename}"\r\nContent-Type: text/csv')


END = b"--XX--\r\n"


async def split(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(data: bytes, size: int = 1_000, content_type: str = TYPE, undone=None) -> Form:
    async def take(filename, declared, chunks):
        return filename, declared, b"".join([chunk async for chunk in chunks])

    async def undo(taken):
        undone.append(taken)

    async def whole() -> Form:
        return await read_multipart(
            split(data, size), content_type, take, undo=None if undone is None else undo
        )

    return asyncio.run(whole())


def refused(data: bytes, code: ErrorCode, **more) -> AppError:
    with pytest.raises(AppError) as caught:
        read(data, **more)
    assert caught.value.code == code
    return caught.value


@given(st.binary(max_size=2_000), st.integers(1, 50), st.booleans())
def test_any_bytes_any_split_any_order(body: bytes, size: int, before: bool) -> None:
    if b"\r\n--XX" in body or body.endswith(b"\r"):
        return
    field = part("purpose", b"STATEMENT")
    data = (field if before else b"") + file_part(body) + (b"" if before else field) + END
    form = read(data, size)
    assert form.fields == {"purpose": "STATEMENT"}
    assert form.file == ("a.csv", "text/csv", body)


def test_a_form_without_a_file() -> None:
    form = read(part("uploadId", b"file_1") + part("dryRun", b"true") + END)
    assert (form.fields, form.file) == ({"uploadId": "file_1", "dryRun": "true"}, None)


def test_the_taker_may_leave_the_rest() -> None:
    async def take(filename, declared, chunks):
        return await anext(chunks)

    async def whole() -> Form:
        data = file_part(b"x" * 5_000) + part("purpose", b"RECEIPT") + END
        return await read_multipart(split(data, 700), TYPE, take)

    assert asyncio.run(whole()).fields == {"purpose": "RECEIPT"}


@pytest.mark.case("F07")
def test_bounds() -> None:
    many = b"".join(part(f"p{i}", b"") for i in range(1_001))
    refused(many + END, ErrorCode.VALIDATION_ERROR)
    started = perf_counter()
    refused(b"x" * 1_000_000, ErrorCode.BAD_REQUEST, size=10_000)
    refused(b"\r\n" * 500_000, ErrorCode.BAD_REQUEST, size=10_000)
    assert perf_counter() - started < 0.5
    refused(part("purpose", b"x" * 65_537) + END, ErrorCode.BAD_REQUEST)
    refused(part("purpose", b"", f"; x={'y' * 9_000}") + END, ErrorCode.BAD_REQUEST)
    lines = "".join(f"\r\nX-{i}: {'y' * 2_000}" for i in range(6))
    refused(part("purpose", b"", lines) + END, ErrorCode.BAD_REQUEST)
    refused(part("purpose", b"", "".join(f"\r\nX-{i}: y" for i in range(9))), ErrorCode.BAD_REQUEST)


@pytest.mark.case("F07")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        END[:4],
        file_part(b"abc"),
        file_part(b"abc")[:-5],
        b"--YY\r\n\r\n--YY--",
        b"--XX\r\nno header\r\n\r\n" + END,
        b"--XX\r\n\r\nbody\r\n" + END,
        part("purpose", b"\xff") + END,
    ],
)
def test_a_malformed_form_is_a_bad_request(data: bytes) -> None:
    refused(data, ErrorCode.BAD_REQUEST)


def test_parts_that_are_unknown_or_twice() -> None:
    refused(part("surprise", b"1") + END, ErrorCode.VALIDATION_ERROR)
    twice = part("purpose", b"RECEIPT") * 2 + END
    assert refused(twice, ErrorCode.VALIDATION_ERROR).details["fields"][0]["path"] == "purpose"
    undone: list = []
    refused(file_part(b"a") * 2 + END, ErrorCode.VALIDATION_ERROR, undone=undone)
    refused(file_part(b"b"), ErrorCode.BAD_REQUEST, undone=undone)
    assert [taken[2] for taken in undone] == [b"a"]


def test_boundaries() -> None:
    assert boundary_of('multipart/form-data; boundary="a b:c"') == "a b:c"
    for wrong in ("multipart/form-data", f"multipart/form-data; boundary={'x' * 71}"):
        with pytest.raises(AppError) as caught:
            boundary_of(wrong)
        assert caught.value.code == ErrorCode.BAD_REQUEST
    with pytest.raises(AppError) as caught:
        boundary_of("application/json")
    assert caught.value.code == ErrorCode.UNSUPPORTED_MEDIA_TYPE


def test_text_fields_become_an_input() -> None:
    told = {"mapping": '{"skipRows":2}', "dryRun": "true", "deleted": "", "accountId": "acct_1"}
    assert typed_fields(told) == {
        "mapping": {"skipRows": 2}, "dryRun": True, "accountId": "acct_1"
    }  # fmt: skip
    for wrong in ({"dryRun": "yes"}, {"mapping": "{"}):
        with pytest.raises(AppError):
            typed_fields(wrong)
