"""``python -m autune`` is ``autune``."""

from __future__ import annotations

from autune.cli import main

if __name__ == "__main__":
    main()
