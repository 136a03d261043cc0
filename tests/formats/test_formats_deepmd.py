"""Folders of DeePMD-kit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autune.dataset import Dataset
from autune.errors import FormatError
from autune.formats.atoms import read_atoms_file


def write_system(folder: Path, n_frames: int = 2, **more: np.ndarray) -> Path:
    """Write water, the frames a tenth of an Angstrom apart."""
    frames = folder / "set.000"
    frames.mkdir(parents=True)
    (folder / "type.raw").write_text("0 1 1\n")
    (folder / "type_map.raw").write_text("O\nH\n")
    shifts = 0.1 * np.arange(n_frames)[:, None]
    arrays = {
        "coord": np.array([0.0, 0, 0, 0.96, 0, 0, -0.24, 0.93, 0]) + shifts,
        "box": np.tile(10.0 * np.eye(3).ravel(), (n_frames, 1)),
        "energy": np.array([-470.0, -469.5][:n_frames]),
        "force": np.arange(9.0 * n_frames).reshape(n_frames, 9),
        "virial": np.tile(np.arange(9.0), (n_frames, 1)),
    }
    for name, array in (arrays | more).items():
        np.save(frames / f"{name}.npy", array)
    return folder


def test_frames_of_a_system(tmp_path: Path) -> None:
    found = read_atoms_file(write_system(tmp_path / "water"))
    assert [s.name for s in found] == ["water:0", "water:1"]
    first, second = found
    assert first.numbers.tolist() == [8, 1, 1]
    assert (first.energy, second.energy) == (-470.0, -469.5)
    np.testing.assert_array_equal(second.forces, np.arange(9.0, 18.0).reshape(3, 3))
    assert first.stress is not None
    np.testing.assert_allclose(first.stress, -np.arange(9.0).reshape(3, 3) / 1000.0, rtol=1e-12)
    np.testing.assert_array_equal(first.cell, 10.0 * np.eye(3))


def test_systems_in_a_folder_clusters_and_mixed_types(tmp_path: Path) -> None:
    write_system(tmp_path / "data" / "a")
    cluster = write_system(tmp_path / "data" / "b", 1)
    (cluster / "nopbc").touch()
    (cluster / "set.000" / "box.npy").unlink()
    np.save(cluster / "set.000" / "real_atom_types.npy", np.array([[1, 1, -1]]))
    found = Dataset.read(tmp_path / "data").structures
    assert [s.name for s in found] == ["a:0", "a:1", "b:0"]
    assert found[2].cell is None
    assert found[2].stress is None
    assert found[2].numbers.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("set.000/coord.npy", np.zeros((2, 6)), r"coord\.npy: expected some frames with 9 numbers"),
        ("set.000/energy.npy", np.zeros(3), r"energy\.npy: expected 2 frames with 1 numbers each"),
        ("set.000/box.npy", None, r"box\.npy: is missing"),
        ("set.000/force.npy", np.array([print]), r"force\.npy: is no array of numbers"),
        ("set.000/virial.npy", b"\x93NUMPY", r"virial\.npy: is no array of numbers"),
        ("type_map.raw", None, r"type_map\.raw: is missing"),
        ("type_map.raw", b"O", r"type\.raw: has type 1, type_map\.raw names 1"),
        ("type_map.raw", b"O Qq", r"type_map\.raw: expected chemical symbols, found 'Qq'"),
        ("type.raw", b"0 one 1", r"type\.raw: expected a type .* found 'one'"),
        ("set.000/coord.npy", np.full((2, 9), np.nan), r"set\.000: frame 0: NaN or infinity"),
    ],
)
def test_what_does_not_fit(
    name: str, content: np.ndarray | bytes | None, message: str, tmp_path: Path
) -> None:
    path = write_system(tmp_path) / name
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(FormatError, match=message):
        read_atoms_file(tmp_path)
