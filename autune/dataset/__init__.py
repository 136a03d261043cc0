"""Data sets: structures, which of them are for the test, and what is in them."""

from __future__ import annotations

from autune.dataset.content import Dataset, write_dataset
from autune.dataset.inspection import (
    DatasetReport,
    GroupReport,
    Outlier,
    check_trainable,
    describe_dataset,
)
from autune.dataset.split import check_groups, find_duplicates, split_dataset

__all__ = [
    "Dataset",
    "DatasetReport",
    "GroupReport",
    "Outlier",
    "check_groups",
    "check_trainable",
    "describe_dataset",
    "find_duplicates",
    "split_dataset",
    "write_dataset",
]
