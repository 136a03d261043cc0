from __future__ import annotations

import logging

import pytest

from autune import log


@pytest.fixture(autouse=True)
def _keep_log():
    """Leave autune's log as it was: a verb takes it for itself, and pytest hears no more of it."""
    logger = logging.getLogger(log.ROOT)
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before
