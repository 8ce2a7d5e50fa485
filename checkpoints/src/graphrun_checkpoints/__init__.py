"""LangGraph checkpoints on S3-compatible object storage. A library of its own, usable without Kubernetes."""

from graphrun_checkpoints.config import Credentials, CredentialSource, StorageConfig
from graphrun_checkpoints.errors import (
    CheckpointConflict,
    CheckpointError,
    CorruptObject,
    FenceLost,
    InvalidCheckpoint,
    MisconfiguredStore,
    SaverClosed,
    SerializationFailed,
    StorageRefused,
    StorageUnavailable,
    UnsupportedFormat,
)
from graphrun_checkpoints.minio_store import MinioStore
from graphrun_checkpoints.reader import CheckpointInfo, CheckpointReader
from graphrun_checkpoints.saver import DurableCheckpoint, ObjectStoreSaver, OnDurable
from graphrun_checkpoints.seals import Inherited, Lineage
from graphrun_checkpoints.store import Entry, ObjectExists, Store
from graphrun_checkpoints.writing import SaverOptions

__all__ = [
    "CheckpointConflict",
    "CheckpointError",
    "CheckpointInfo",
    "CheckpointReader",
    "CorruptObject",
    "CredentialSource",
    "Credentials",
    "DurableCheckpoint",
    "Entry",
    "FenceLost",
    "Inherited",
    "InvalidCheckpoint",
    "Lineage",
    "MinioStore",
    "MisconfiguredStore",
    "ObjectExists",
    "ObjectStoreSaver",
    "OnDurable",
    "SaverClosed",
    "SaverOptions",
    "SerializationFailed",
    "StorageConfig",
    "StorageRefused",
    "StorageUnavailable",
    "Store",
    "UnsupportedFormat",
]
