"""Damaged files of every kind that autune reads: taken, or refused in one line.

A failure names the kind and the number of the input; ``python tests/fuzz/fuzz_long.py KIND N
FOLDER`` tries the first N and leaves the last in the folder.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_contract import Broken, answer
from fuzz_kinds import KINDS, empty


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_inputs_are_taken_or_refused(kind: str, tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    made = KINDS[kind]
    refused = 0
    for number in range(made.quick):
        empty(source)
        empty(output)
        path = made.make(random.Random(f"{kind}-{number}"), source)
        try:
            refused += answer(lambda path=path: made.use(path, output), source) is not None
        except AssertionError as error:
            raise Broken(f"{kind} {number}: {error}") from error
    assert refused or kind == "checkpoint", "nothing was damaged"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_inputs_with_little_memory(kind: str, tmp_path: Path) -> None:
    program = Path(__file__).with_name("fuzz_long.py")
    done = subprocess.run(
        [sys.executable, program, kind, str(KINDS[kind].slow), tmp_path],
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
