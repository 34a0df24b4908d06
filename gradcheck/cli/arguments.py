"""Click types for what the commands on a user's own code take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


class Assignment(click.ParamType[tuple[str, Any]]):
    """NAME=VALUE, with the value as text or as JSON."""

    name = "assignment"

    def __init__(self, is_json: bool) -> None:
        self.is_json = is_json

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """The name and the value."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        name = name.strip()
        if not equals or not name or not text:
            self.fail(
                f"{value!r} is not of the form NAME={'JSON' if self.is_json else 'TENSOR'}.", param, ctx
            )
        return name, self._json(text, param, ctx) if self.is_json else text

    def _json(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            self.fail(
                f"{text!r} is no JSON ({error}): write numbers as 3, lists as [1, 2], true, false or null, "
                "and text in double quotes.",
                param,
                ctx,
            )


class Config(click.ParamType[dict[str, Any]]):
    """A JSON object, written or in a .json file."""

    name = "config"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """The object as a dict."""
        if isinstance(value, dict):
            return value
        text, where = str(value), "it"
        if text.endswith(".json"):
            where = repr(text)
            try:
                text = Path(text).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is no text"
                self.fail(f"{where} cannot be read: {reason}.", param, ctx)
        try:
            config = json.loads(text)
        except ValueError as error:
            self.fail(f'{where} is no JSON ({error}): write it as {{"units": 3}}.', param, ctx)
        if not isinstance(config, dict):
            self.fail(f'{where} is no JSON object: write it as {{"units": 3}}.', param, ctx)
        return config


def once_each(
    ctx: click.Context, param: click.Parameter, pairs: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    """The assignments as a dict; a name that is given twice is a usage error."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f"{name!r} is given {names.count(name)} times.", ctx, param)
    return dict(pairs)
