from __future__ import annotations

import logging

import pytest

from autune import log


def pytest_collection_modifyitems(items):
    """Give the tests of a file to one process, and all that start Ray to the same."""
    for item in items:
        group = "ray" if item.get_closest_marker("ray") else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def _keep_log():
    """Leave autune's log as it was: a verb takes it for itself, and pytest hears no more of it."""
    logger = logging.getLogger(log.ROOT)
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before
