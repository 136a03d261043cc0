"""The verb that explains the settings file."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from autune.errors import ConfigError


def settings(
    key: Annotated[
        str, typer.Argument(help="Only settings whose key begins so, for example training.kalman.")
    ] = "",
) -> None:
    """List every setting: key, default, meaning.

    In a file for 'autune search' every value may be a distribution:
    {choice: [a, b]}, {uniform: [low, high]}, {loguniform: [low, high]}, {int: [low, high]}.

    \b
    Examples:
      autune settings
      autune settings training
    """
    from autune.settings import describe

    rows = list(describe())
    chosen = [row for row in rows if row[0] == key or row[0].startswith(key)]
    if not chosen:
        keys = [part for name, _, _ in rows for part in (name, name.rpartition(".")[0])]
        near = difflib.get_close_matches(key, keys, n=1)
        hint = f"did you mean {near[0]}?" if near else "see autune settings"
        raise ConfigError(key, f"unknown key; {hint}")
    for name, default, words in chosen:
        typer.echo(f"{name} = {default}\n    {words}")


VERBS = (settings,)
