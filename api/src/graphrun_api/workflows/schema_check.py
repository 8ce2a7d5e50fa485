"""Checks an input against a Workflow's inputSchema (JSON Schema 2020-12). Never fetches anything: a `$ref` out is refused."""

from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from graphrun_api.errors import FieldError

Json = dict[str, Any]
_MOST: Final = 20


def schema_errors(schema: Json) -> list[FieldError]:
    """What is wrong with the schema itself."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [FieldError(_path("spec.inputSchema", error), error.message)]
    return []


def input_errors(schema: Json, value: Json) -> list[FieldError]:
    """What in `value` breaks the schema, at most 20 things; empty where all is well or there is no schema."""
    if not schema:
        return []
    # An empty registry: references resolve within the schema or not at all.
    validator = Draft202012Validator(schema, registry=Registry())
    found: list[FieldError] = []
    try:
        for error in validator.iter_errors(value):
            found.append(FieldError(_path("input_data", error), error.message[:300]))
            if len(found) == _MOST:
                break
    except Unresolvable as error:
        return [
            FieldError(
                "input_data", f"the workflow's inputSchema refers to {error.ref}, which is not part of it"
            )
        ]
    return found


def _path(root: str, error: ValidationError | SchemaError) -> str:
    return ".".join([root, *(str(part) for part in error.absolute_path)])
