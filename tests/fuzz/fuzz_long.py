"""A long run of one kind of input, in a process with little memory: ``fuzz_long.py KIND N FOLDER``.

Writes a line for every input with which autune breaks its promise, the messages of all others to
``messages.txt``, and ends with 1 if there was one.
"""

from __future__ import annotations

import faulthandler
import random
import resource
import sys
import traceback
from pathlib import Path

from fuzz_contract import answer
from fuzz_kinds import KINDS, empty

MEMORY = 3 << 30
"""Bytes that an input may take beyond those of the process at its start."""

HANG = 120.0
"""Seconds after which a call that never comes back to Python ends the process."""


def main(kind: str, n_inputs: int, folder: Path) -> int:
    """Try inputs 0 to n_inputs - 1 of a kind."""
    source, output = folder / "in", folder / "out"
    made = KINDS[kind]
    n_broken, messages = 0, []
    for number in range(n_inputs):
        faulthandler.dump_traceback_later(HANG, exit=True)
        empty(source)
        empty(output)
        (folder / "number").write_text(str(number))
        path = made.make(random.Random(f"{kind}-{number}"), source)
        if number == 0:
            limit_memory()
        try:
            message = answer(lambda path=path: made.use(path, output), source)
        except AssertionError as error:
            n_broken += 1
            cause = error.__cause__ or error
            places = traceback.extract_tb(cause.__traceback__)[-3:]
            where = " ".join(f"{Path(place.filename).name}:{place.lineno}" for place in places)
            print(f"{kind} {number}: {error} ({where})", flush=True)  # noqa: T201
        else:
            messages.append(message or "taken")
    faulthandler.cancel_dump_traceback_later()
    (folder / "messages.txt").write_text("\n".join(sorted(messages)) + "\n")
    taken = messages.count("taken")
    print(f"{kind}: {n_inputs} inputs, {taken} taken, {n_broken} broken")  # noqa: T201
    return 1 if n_broken else 0


def limit_memory() -> None:
    """Let the process take `MEMORY` more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
