"""JSON Schema of a graph's input, by the graph's own types.

Below Python 3.12 pydantic refuses typing.TypedDict, of which most states are made, and takes that of
typing_extensions, which is the same to a schema: such types are described by twins.
"""

import json
import logging
import types
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import typing_extensions
from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from graphrun_runner.child.loading import Graph

_SCHEMA_BYTES: Final = 65_536
_REFUSED_TYPED_DICT: Final = "typed-dict-version"
_log = logging.getLogger(__name__)


def input_schema_of(graph: Graph) -> dict[str, Any] | None:
    """What the types say; None where they say nothing that is small enough to be told."""
    try:
        schema = _derived(graph)
        size = len(json.dumps(schema))
    except Exception:  # noqa: BLE001 - it runs user code, and a schema must not fail a run
        _log.debug("the graph's input has no JSON Schema", exc_info=True)
        return None
    return schema if size <= _SCHEMA_BYTES else None


def _derived(graph: Graph) -> dict[str, Any]:
    try:
        return graph.get_input_jsonschema()
    except PydanticUserError as error:
        builder = getattr(graph, "builder", None)
        if error.code != _REFUSED_TYPED_DICT or builder is None:
            raise
        return TypeAdapter(described_by_twins(builder.input_schema)).json_schema()


def described_by_twins(hint: Any, made: dict[Any, Any] | None = None) -> Any:  # noqa: ANN401 - types of any kind
    """The type with a twin for each typing.TypedDict in it; one within itself is any value there."""
    made = {} if made is None else made
    if typing_extensions.is_typeddict(hint):
        if hint not in made:
            made[hint] = Any
            made[hint] = _twin(hint, made)
        return made[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is None or origin is Literal:
        return hint
    if origin is Annotated:
        return Annotated[(described_by_twins(args[0], made), *args[1:])]
    # Not those of a Callable, which is a list.
    parts = tuple(arg if isinstance(arg, list) else described_by_twins(arg, made) for arg in args)
    if parts == args:
        return hint
    return Union[parts] if origin in (Union, types.UnionType) else origin[parts]  # noqa: UP007 - of a tuple


def _twin(typed_dict: Any, made: dict[Any, Any]) -> Any:  # noqa: ANN401 - types have no narrower one
    fields: dict[str, Any] = {}
    for name, hint in typing_extensions.get_type_hints(typed_dict, include_extras=True).items():
        presence: Any = get_origin(hint)
        if presence in (typing_extensions.Required, typing_extensions.NotRequired):
            [inner] = get_args(hint)
        else:
            is_required = name in typed_dict.__required_keys__
            presence = typing_extensions.Required if is_required else typing_extensions.NotRequired
            inner = hint
        fields[name] = presence[described_by_twins(inner, made)]
    twin: Any = typing_extensions.TypedDict(typed_dict.__name__, fields)  # type: ignore[misc]
    twin.__doc__ = typed_dict.__doc__
    twin.__module__, twin.__qualname__ = typed_dict.__module__, typed_dict.__qualname__
    return twin
