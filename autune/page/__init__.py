"""The page of a search: everything that is known of it, in one HTML file and a folder of figures.

It reads what lies on disk, and needs neither Ray nor MLflow.
"""

from __future__ import annotations

from autune.page.write import write_page

__all__ = ["write_page"]
