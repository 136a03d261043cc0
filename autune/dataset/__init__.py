"""Data sets: structures, which of them are for the test, in folds too, and what is in them."""

from __future__ import annotations

from autune.dataset.composition import AtomEnergies, fit_atom_energies, group_by_composition
from autune.dataset.content import Dataset, read_dataset, write_dataset
from autune.dataset.distances import likely_units, warn_of_distances
from autune.dataset.folds import Fold, make_folds
from autune.dataset.inspection import (
    DatasetReport,
    GroupReport,
    Outlier,
    check_trainable,
    describe_dataset,
)
from autune.dataset.split import check_groups, find_duplicates, split_dataset
from autune.dataset.stresses import check_stresses, knows_stress

__all__ = [
    "AtomEnergies",
    "Dataset",
    "DatasetReport",
    "Fold",
    "GroupReport",
    "Outlier",
    "check_groups",
    "check_stresses",
    "check_trainable",
    "describe_dataset",
    "find_duplicates",
    "fit_atom_energies",
    "group_by_composition",
    "knows_stress",
    "likely_units",
    "make_folds",
    "read_dataset",
    "split_dataset",
    "warn_of_distances",
    "write_dataset",
]
