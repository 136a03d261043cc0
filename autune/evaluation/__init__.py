"""How good a potential is: its errors per group, and one number from all of them."""

from __future__ import annotations

from autune.evaluation.loss import score

__all__ = ["score"]
