"""Search for the best high-dimensional neural network potential that DFT calculations allow."""

from __future__ import annotations

__version__ = "0.1.0"
