"""Moving in: a training directory of n2p2 becomes settings, data and a potential."""

from __future__ import annotations

from autune.project.notes import Note
from autune.project.read import Project, read_project
from autune.project.write import write_project

__all__ = ["Note", "Project", "read_project", "write_project"]
