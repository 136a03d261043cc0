from __future__ import annotations

import io
import logging
import warnings

import pytest

from autune import log


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    logger = logging.getLogger(log.ROOT)
    before = logger.handlers[:], logger.level, logger.propagate
    stream = io.StringIO()
    log.configure(stream=stream)
    yield stream
    logger.handlers[:], logger.level, logger.propagate = before


def test_lines_are_plain_and_warnings_say_so(stream):
    logging.getLogger("autune.somewhere").info("reading %s", "gold")
    logging.getLogger("autune.somewhere").debug("not shown")
    logging.getLogger("autune.somewhere").warning("two\nlines")
    assert stream.getvalue() == "reading gold\nwarning: two lines\n"


def test_python_warnings_are_one_line(stream):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log.configure(stream=stream)
        warnings.warn("r_shift is ignored", UserWarning, stacklevel=1)
    assert stream.getvalue() == "warning: r_shift is ignored\n"


def test_configured_twice_says_everything_once(stream):
    log.configure(stream=stream)
    logging.getLogger("autune").info("once")
    assert stream.getvalue() == "once\n"
