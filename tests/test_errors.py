"""Messages are one printable line, whatever a file has put into them."""

from __future__ import annotations

from autune.errors import AutuneError, ConfigError, FormatError, short


def test_messages_are_one_printable_line() -> None:
    assert (
        str(ConfigError("a.\nb", "found '\x1b[2J'; mend it")) == r"a.\nb: found '\x1b[2J'; mend it"
    )
    assert str(FormatError("x\ud800.yaml", 3, "é")) == r"x\ud800.yaml, line 3: é"


def test_long_messages_keep_beginning_and_end() -> None:
    text = str(AutuneError("rule: found " + "x" * 10_000 + "; do this"))
    assert text.startswith("rule: found xxx")
    assert text.endswith("; do this")
    assert len(text) < 1000


def test_numbers_that_python_does_not_write_are_named() -> None:
    assert short(10**5000) == "int with too many digits to be written"
    assert short([10**5000]) == "list with too many digits to be written"
    assert short(12) == "12"
