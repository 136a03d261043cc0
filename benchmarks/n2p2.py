"""The same work by n2p2, where its programs are on the PATH: nothing here is needed otherwise.

Only its programs are run, on files that autune writes; times are wall times of processes, and
the time of an epoch is the difference of two trainings, so no format of a log is relied on.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ase.data import atomic_numbers
from machine import Spread

from autune.architecture import Architecture
from autune.formats.files import write_text
from autune.formats.input_data import write_input_data
from autune.formats.input_nn import input_nn_text
from autune.formats.tables import write_weights
from autune.settings import Settings
from autune.structures import FloatArray, Structure
from autune.training.keywords import training_keywords

PROGRAMS = ("nnp-scaling", "nnp-train", "nnp-predict")


def missing_programs() -> list[str]:
    """Return the programs of n2p2 that are not on the PATH."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def compare(
    structures: list[Structure],
    architecture: Architecture,
    settings: Settings,
    weights: Mapping[str, FloatArray],
    n_test: int,
    runs: int,
) -> dict[str, Spread]:
    """Run n2p2 on the structures.

    Parameters
    ----------
    structures
        All of them; n2p2 draws `n_test` of them for the test.
    architecture, settings
        The potential and its training.
    weights
        Initial weights of each element.
    n_test
        Number of test structures.
    runs
        Epochs that are timed.

    Returns
    -------
    dict
        By name of the step; the unit is in the name.
    """
    fraction = n_test / len(structures)

    def write_input_nn(epochs: int) -> None:
        keywords = training_keywords(
            settings.training.model_copy(update={"epochs": epochs}),
            len(structures) - n_test,
            round((1.0 - fraction) * 3 * sum(structure.n_atoms for structure in structures)),
            fraction,
        )
        words = {keyword: " ".join(arguments) for keyword, arguments in keywords.items()}
        write_text(folder / "input.nn", input_nn_text(architecture, words))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input_data(folder / "input.data", structures)
        for element, values in weights.items():
            file = folder / f"weights.{atomic_numbers[element]:03d}.data"
            write_weights(file, values, architecture.layer_sizes(element))
        write_input_nn(1)
        scaling = _seconds(folder, "nnp-scaling", "100")
        short = _seconds(folder, "nnp-train")
        write_input_nn(1 + runs)
        long = _seconds(folder, "nnp-train")
        write_input_data(folder / "input.data", structures[:1])
        predict = _seconds(folder, "nnp-predict", "0")
    return {
        "nnp-scaling, whole process, all structures [s]": Spread.of([scaling]),
        "nnp-train, an epoch [s]": Spread.of([(long - short) / runs]),
        "nnp-predict, whole process, one structure [s]": Spread.of([predict]),
    }


def _seconds(folder: Path, *command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start
