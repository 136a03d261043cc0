from __future__ import annotations

import pytest

from autune.cli import main


@pytest.fixture
def run(capsys):
    """Run a verb in this process: exit code, standard output, standard error."""

    def call(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return (end.value.code, *capsys.readouterr())

    return call
