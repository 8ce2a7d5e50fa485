import pytest

from graphrun_checkpoints.testing import MemoryStore
from support.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
