"""What is said about a property that could not be calculated."""

from __future__ import annotations

from autune.errors import PropertyFailed

_LONGEST = 200


def reason_of(error: Exception) -> str:
    """Say in one line what went wrong.

    Parameters
    ----------
    error
        A `PropertyFailed`, or whatever a calculator raised.
    """
    text = " ".join(str(error).split())[:_LONGEST]
    if isinstance(error, PropertyFailed):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
