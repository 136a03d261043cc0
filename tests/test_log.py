from __future__ import annotations

import io
import logging
import warnings

import pytest

from autune import log


@pytest.fixture
def stream():
    logger = logging.getLogger(log.ROOT)
    before = logger.handlers[:], logger.level, logger.propagate
    stream = io.StringIO()
    with warnings.catch_warnings():
        log.configure(stream=stream)
        yield stream
    logger.handlers[:], logger.level, logger.propagate = before


def test_lines_are_plain_and_warnings_say_so(stream):
    logging.getLogger("autune.somewhere").info("reading %s", "gold")
    logging.getLogger("autune.somewhere").debug("not shown")
    logging.getLogger("autune.somewhere").warning("two\nlines")
    assert stream.getvalue() == "reading gold\nwarning: two lines\n"


def test_warnings_of_autune_are_one_line_and_others_are_not_shown(stream):
    for module in ("autune.space", "elsewhere"):
        warnings.warn_explicit(f"from {module}", UserWarning, "file.py", 7, module=module)
    warnings.warn_explicit("old", DeprecationWarning, "file.py", 7, module="autune.space")
    assert stream.getvalue() == "warning: from autune.space\n"


def test_configured_twice_says_everything_once(stream):
    log.configure(stream=stream)
    logging.getLogger("autune").info("once")
    assert stream.getvalue() == "once\n"
