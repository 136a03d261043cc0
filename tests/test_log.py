from __future__ import annotations

import io
import logging
import warnings

import pytest

from autune import log


@pytest.fixture
def stream():
    stream = io.StringIO()
    with warnings.catch_warnings():
        log.configure(stream=stream)
        yield stream


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


SAID = {
    "user and password": ("postgresql://me:pw@host/db", "postgresql://me:***@host/db"),
    "with a driver": ("at postgresql+psycopg://me:pw@h:5432/db.", None),
    "no user": ("redis://:pw@host", "redis://:***@host"),
    "no password": ("postgresql://me@host:5432/db?x=a@b", "postgresql://me@host:5432/db?x=a@b"),
    "no credentials": ("http://127.0.0.1:5000/#/runs", "http://127.0.0.1:5000/#/runs"),
    "host and mail": (
        '{"at":"http://host:5000","by":"me@host"}',
        '{"at":"http://host:5000","by":"me@host"}',
    ),
    "two on a line": (
        "http://a:pw@b and sqlite:///x and http://c:pw@d/",
        "http://a:***@b and sqlite:///x and http://c:***@d/",
    ),
    "@ in the password": ("http://me:p@pw@host", "http://me:***@host"),
    "/ in the password": ("postgresql://me:12/pw@host/db", "postgresql://me:***@host/db"),
    "@ and / and : in it": ("postgresql://me:p@/:pw@host/db", "postgresql://me:***@host/db"),
    "quotes in it": ("'postgresql://me:p'pw@host/db'", "'postgresql://me:***@host/db'"),
    "percent-encoded": ("postgresql://me:p%40pw@host/db", "postgresql://me:***@host/db"),
    "address in an address": (
        "http://host/?uri=postgresql%3A%2F%2Fme%3Apw%40host%2Fdb",
        "http://host/?uri=postgresql%3A%2F%2Fme%3A***%40host%2Fdb",
    ),
    "token as user": ("https://pw@host/", "https://***@host/"),
    "query": (
        "postgresql://h/db?user=me&password=pw&x=1",
        "postgresql://h/db?user=me&password=***&x=1",
    ),
    "query in quotes": ('("postgresql://h/db?password=pw")', '("postgresql://h/db?password=***")'),
    "DSN": ("host=h password=pw dbname=db", "host=h password=*** dbname=db"),
    "DSN with blanks": (r"password = 'p w\'pw' host=h", "password = *** host=h"),
    "sslpassword": ("sslpassword=pw host=h", "sslpassword=*** host=h"),
    "environment": ("PGPASSWORD=p,pw psql", "PGPASSWORD=*** psql"),
    "mapping": ("{'user': 'me', 'password': 'p w'}", "{'user': 'me', 'password': ***}"),
    "header": ("'Authorization': 'Bearer pw'", "'Authorization': 'Bearer ***'"),
    "words": ("password authentication failed: token", "password authentication failed: token"),
}


@pytest.mark.parametrize("case", SAID)
def test_credentials_are_masked(case):
    said, expected = SAID[case]
    masked = log.mask_credentials(said)
    assert masked == (expected or masked)
    assert "pw" not in masked.replace("pwd", "")
    assert log.mask_credentials(masked) == masked


def test_log_lines_show_no_credentials(stream):
    logging.getLogger("autune").warning("%s is away", "postgresql://me:secret@host/db")
    assert stream.getvalue() == "warning: postgresql://me:***@host/db is away\n"
