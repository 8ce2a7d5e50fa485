"""What every store must do. Subclass with a `store` fixture; keys begin with `prefix`."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from graphrun_checkpoints import ObjectExists, Store
from graphrun_checkpoints.errors import CheckpointError

_MORE_THAN_A_PAGE = 1003
_CLOCKS_DIFFER = timedelta(minutes=5)


class StoreContract:
    prefix = "contract/"

    async def test_an_object_reads_as_it_was_put(self, store: Store) -> None:
        for data in (b"", b"x", bytes(range(256)) * 40):
            await store.put(f"{self.prefix}a", data)
            assert await store.get(f"{self.prefix}a") == data

    async def test_an_object_above_the_multipart_limit_is_put_whole_and_conditionally(
        self, store: Store
    ) -> None:
        data = b"0123456789abcdef" * 400_000  # 6.4 MB
        await store.put(f"{self.prefix}large", data, if_none_match=True)
        with pytest.raises(ObjectExists):
            await store.put(f"{self.prefix}large", b"other", if_none_match=True)
        assert await store.get(f"{self.prefix}large") == data

    async def test_a_missing_object_is_none(self, store: Store) -> None:
        assert await store.get(f"{self.prefix}nothing") is None

    async def test_a_conditional_put_never_overwrites(self, store: Store) -> None:
        await store.put(f"{self.prefix}a", b"first", if_none_match=True)
        with pytest.raises(ObjectExists):
            await store.put(f"{self.prefix}a", b"second", if_none_match=True)
        assert await store.get(f"{self.prefix}a") == b"first"

    async def test_one_of_many_conditional_puts_wins(self, store: Store) -> None:
        async def attempt(key: str, number: int) -> bool:
            try:
                await store.put(key, str(number).encode(), if_none_match=True)
            except ObjectExists:
                return False
            return True

        for key in (f"{self.prefix}race/{lap}" for lap in range(3)):
            won = await asyncio.gather(*(attempt(key, number) for number in range(32)))
            assert won.count(True) == 1
            assert await store.get(key) == str(won.index(True)).encode()

    async def test_a_list_is_in_key_order_bounded_and_continues_after_a_key(self, store: Store) -> None:
        names = sorted(f"{self.prefix}l/{number:02}/c.x" for number in range(7))
        for name in reversed(names):
            await store.put(name, b"123")
        await store.put(f"{self.prefix}m", b"")

        first = await store.list(f"{self.prefix}l/", max_keys=3)
        assert [entry.key for entry in first] == names[:3]
        assert {entry.size for entry in first} == {3}
        rest = await store.list(f"{self.prefix}l/", start_after=first[-1].key)
        assert [entry.key for entry in rest] == names[3:]
        assert await store.list(f"{self.prefix}l/", start_after=names[-1]) == []
        assert await store.list(f"{self.prefix}nowhere/") == []

    async def test_folders_whose_names_begin_alike_are_all_listed_page_by_page(self, store: Store) -> None:
        names = {
            f"{self.prefix}n/{folder}/{leaf}"
            for folder in ("a", "a-b", "a=2Eb", "ab", "a0", "_", "~a")
            for leaf in "!0"
        }
        for name in names:
            await store.put(name, b"")
        seen, last = [], ""
        while page := await store.list(f"{self.prefix}n/", max_keys=1, start_after=last):
            seen.append(page[0].key)
            last = page[0].key
        assert set(seen) == names
        assert len(seen) == len(names)

    async def test_the_claim_sorts_before_checkpoints_and_pending_writes_before_theirs(
        self, store: Store
    ) -> None:
        names = [
            f"{self.prefix}o/0f/!",
            f"{self.prefix}o/0f/00/a.1",
            f"{self.prefix}o/0f/00/c.1",
            f"{self.prefix}o/ff/!",
        ]
        for name in reversed(names):
            await store.put(name, b"")
        assert [entry.key for entry in await store.list(f"{self.prefix}o/")] == names

    async def test_more_keys_than_a_page_holds_are_listed_page_by_page_and_deleted_in_one_call(
        self, store: Store
    ) -> None:
        names = [f"{self.prefix}many/{number:04}" for number in range(_MORE_THAN_A_PAGE)]
        await asyncio.gather(*(store.put(name, b"") for name in names))

        first = await store.list(f"{self.prefix}many/")
        assert [entry.key for entry in first] == names[:1000]
        rest = await store.list(f"{self.prefix}many/", start_after=first[-1].key)
        assert [entry.key for entry in rest] == names[1000:]

        await store.delete_many(names)
        assert await store.list(f"{self.prefix}many/") == []

    async def test_the_characters_of_our_keys_come_back_as_they_went(self, store: Store) -> None:
        names = sorted(
            f"{self.prefix}odd/{name}"
            for name in (
                "!",
                "a=2Eb=2Fc",
                "c.~.+0.input",
                "c.0f.-1.loop=20x",
                "=",
                "+",
                "~",
                "~~0f/!",
                "_/~a=7Cb=3A1/!",
                "=25",
                "AZ-09_az",
            )
        )
        for name in names:
            await store.put(name, name.encode())
        for name in names:
            assert await store.get(name) == name.encode()
        assert await self._keys(store, "odd/") == names
        for after in range(len(names)):
            assert await self._keys(store, "odd/", start_after=names[after]) == names[after + 1 :]
        assert await self._keys(store, "odd/~") == [name for name in names if "odd/~" in name]

        copies = [name.replace("/odd/", "/copied/", 1) for name in names]
        for name, target in zip(names, copies, strict=True):
            await store.copy(name, target)
        assert await self._keys(store, "copied/") == copies
        await store.delete_many([*names, *copies])
        assert await self._keys(store, "odd/") == await self._keys(store, "copied/") == []

    async def test_the_longest_keys_of_the_layout_are_taken(self, store: Store) -> None:
        thread, namespace, source = "t" * 200, "~" + "n" * 200, "s" * 200
        key = f"{self.prefix}{thread}/c/{namespace}/fffffffe/{'f' * 32}/c.{'0' * 12}.+99999.{source}"
        await store.put(key, b"x", if_none_match=True)
        with pytest.raises(ObjectExists):
            await store.put(key, b"y", if_none_match=True)
        assert await self._keys(store, f"{thread}/c/") == [key]

    async def test_an_entry_tells_when_the_store_took_the_object(self, store: Store) -> None:
        async def modified() -> datetime:
            (entry,) = await store.list(f"{self.prefix}when")
            return entry.modified

        await store.put(f"{self.prefix}when", b"first")
        first = await modified()
        assert first.utcoffset() is not None
        assert abs(datetime.now(UTC) - first) < _CLOCKS_DIFFER
        await store.put(f"{self.prefix}when", b"second")
        assert first <= await modified()

    async def test_deleted_objects_are_gone_and_missing_ones_are_no_error(self, store: Store) -> None:
        for name in ("x/1", "x/2", "y"):
            await store.put(f"{self.prefix}{name}", b"")
        await store.delete_many([f"{self.prefix}x/1", f"{self.prefix}x/2", f"{self.prefix}never"])
        await store.delete_many([])
        assert [entry.key for entry in await store.list(f"{self.prefix}x/")] == []
        assert await store.get(f"{self.prefix}y") == b""

    async def test_a_copy_has_the_same_content(self, store: Store) -> None:
        await store.put(f"{self.prefix}from", b"content")
        await store.copy(f"{self.prefix}from", f"{self.prefix}to")
        assert await store.get(f"{self.prefix}to") == b"content"

    async def test_copying_a_missing_object_is_an_error(self, store: Store) -> None:
        with pytest.raises(CheckpointError, match="no such object"):
            await store.copy(f"{self.prefix}absent", f"{self.prefix}to")

    async def _keys(self, store: Store, below: str, *, start_after: str = "") -> Sequence[str]:
        return [entry.key for entry in await store.list(f"{self.prefix}{below}", start_after=start_after)]
