"""Whether the spread of the trainings says how large their errors are."""

from __future__ import annotations

from autune.errors import AutuneError
from autune.evaluation.calibration import Calibration, measure_calibration
from autune.page.blocks import Drawing, Listed, Section, Words
from autune.page.energies import trains_energies
from autune.page.gathered import Gathered
from autune.page.predicted import test_set
from autune.page.texts import counted, symbols
from autune.potential.committee import Committee
from autune.potential.model import Potential
from autune.report.calibration import calibration_bin_rows, describe_calibration
from autune.report.calibration_figure import plot_calibration


def committee_section(gathered: Gathered) -> Section:
    """Compare the spread of the potentials of all seeds with their errors in the test."""
    calibrations = _measure(gathered)
    if not calibrations:
        return Section("committee", "Committee", [])
    n_members = calibrations[0].n_members
    return Section(
        "committee",
        "Committee",
        [
            Words(
                f"The {counted(n_members, 'potential')} of trial {gathered.best}, one for each "
                "seed, form a committee. Where its spread follows its errors, it warns of "
                "predictions that are not to be trusted. The test chose the settings, so that "
                "elsewhere errors may be larger for the same spread."
            ),
            Listed([_sentence(one) for one in calibrations]),
            Drawing(
                "calibration",
                "Error of the committee's mean over its spread, in the test set; on the diagonal "
                "they agree.",
                "Root mean square error over root mean square spread, of energies and forces.",
                lambda path: plot_calibration(calibrations, path),
                list(calibration_bin_rows(calibrations)),
                shaded=True,
            ),
        ],
    )


def _sentence(calibration: Calibration) -> str:
    words = symbols(describe_calibration(calibration))
    return f"{words[0].upper()}{words[1:]}."


def _measure(gathered: Gathered) -> list[Calibration]:
    """Return calibrations of energies and forces; none where potentials or tests are missing."""
    shown = gathered.shown
    # With cross-validation there is no structure that no member was trained with.
    if shown is None or len(shown.potentials) < 2 or shown.fold:
        return []
    try:
        structures = test_set(gathered)
        if not structures:
            return []
        committee = Committee(tuple(Potential.load(path) for path in shown.potentials))
        predictions = [committee.predict(structure) for structure in structures]
        found = measure_calibration(structures, predictions)
        return [c for c in found if c.quantity != "energy" or trains_energies(gathered)]
    except AutuneError:  # damaged, or the members do not differ
        return []
