from __future__ import annotations

import logging

import pytest

from autune import log


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(items):
    """Give the tests of a file to one process, and to the same all that take several cores."""
    for item in items:
        wide = any(item.get_closest_marker(name) for name in ("ray", "mpi"))
        item.add_marker(pytest.mark.xdist_group("wide" if wide else item.path.stem))


@pytest.fixture(autouse=True)
def _keep_log():
    """Leave autune's log as it was: a verb takes it for itself, and pytest hears no more of it."""
    logger = logging.getLogger(log.ROOT)
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before
