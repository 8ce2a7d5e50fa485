"""Programs read their settings once, from the environment, into one frozen model."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from graphrun_core.errors import SettingsInvalid

PREFIX = "GRAPHRUN_"
_Model = TypeVar("_Model", bound=BaseModel)


def read_settings(model: type[_Model], environ: Mapping[str, str]) -> _Model:
    """Fill `model` from variables named GRAPHRUN_<FIELD>. An empty variable counts as unset.

    Raises:
        SettingsInvalid: a variable is missing or wrong; the message names each one and what it means.
    """
    names = {name: PREFIX + name.upper() for name in model.model_fields}
    given = {name: environ[variable] for name, variable in names.items() if environ.get(variable)}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        lines = [_describe(model, names, str(item["loc"][0]), item["msg"]) for item in error.errors()]
        raise SettingsInvalid("; ".join(lines)) from error


def _describe(model: type[BaseModel], names: Mapping[str, str], field: str, problem: str) -> str:
    meaning = model.model_fields[field].description or ""
    return f"{names[field]}: {problem}" + (f" ({meaning})" if meaning else "")
