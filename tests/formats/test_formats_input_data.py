from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autune.errors import DataError, FormatError
from autune.formats.input_data import read_input_data, write_input_data
from autune.structures import Structure
from autune.units import BOHR, HARTREE

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2" / "structures"

finite = st.floats(-1e6, 1e6)
text = st.text(min_size=1, max_size=12)


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    n = draw(st.integers(1, 4))
    jitter = arrays(float, (3, 3), elements=st.floats(-0.5, 0.5))
    return Structure(
        numbers=draw(arrays(int, n, elements=st.integers(1, 118))),
        positions=draw(arrays(float, (n, 3), elements=st.floats(-400.0, 400.0))),
        cell=draw(st.none() | jitter.map(lambda x: 4.0 * np.eye(3) + x)),
        energy=draw(finite),
        forces=draw(arrays(float, (n, 3), elements=finite)),
        charge=draw(finite),
        group=draw(st.just("") | text),
        name=draw(text),
        side=draw(st.sampled_from([None, "train", "test"])),
        weight=draw(st.floats(1e-3, 1e3)),
    )


def assert_same(a: Structure, b: Structure) -> None:
    for field in ("numbers", "positions", "cell", "forces"):
        x, y = getattr(a, field), getattr(b, field)
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_array_equal(x, y)
    for field in ("energy", "charge", "group", "name", "side", "weight"):
        assert getattr(a, field) == getattr(b, field)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(written=st.lists(structures(), min_size=1, max_size=3))
def test_what_is_written_is_read_back(tmp_path: Path, written: list[Structure]) -> None:
    path = tmp_path / "input.data"
    write_input_data(path, written)
    for a, b in zip(written, read_input_data(path), strict=True):
        assert_same(a, b)


def test_files_of_n2p2() -> None:
    found = list(read_input_data(REFERENCE / "au.data"))
    assert [s.name for s in found] == ["au4", "au8tri", "au16slab", "au13cluster"]
    assert [s.n_atoms for s in found] == [4, 8, 16, 13]
    assert found[3].cell is None
    assert found[0].forces is not None
    np.testing.assert_array_equal(found[0].cell, 4.08 * np.eye(3))
    assert found[0].forces[1, 2] == 0.55169127353007


def test_units(tmp_path: Path) -> None:
    original = next(read_input_data(REFERENCE / "au4.data"))
    found = next(read_input_data(REFERENCE / "au4.data", BOHR, HARTREE))
    assert original.energy is not None
    assert original.forces is not None
    np.testing.assert_allclose(found.positions, original.positions * 0.529177210903, rtol=1e-12)
    np.testing.assert_allclose(found.cell, 4.08 * 0.529177210903 * np.eye(3), rtol=1e-12)
    assert found.energy == pytest.approx(original.energy * 27.211386245988)
    np.testing.assert_allclose(found.forces, original.forces * 51.42206747, rtol=1e-9)


def test_published_molybdenum_in_hartree_and_bohr() -> None:
    path = Path(__file__).parents[3] / "shared/reference/n2p2/mlearn/Mo/structures.data"
    if not path.exists():
        pytest.skip("needs the mlearn reference data")
    found = list(read_input_data(path, BOHR, HARTREE))
    assert found[0].cell is not None
    assert found[0].cell[0, 0] == pytest.approx(9.45, abs=0.05)
    for s in found:
        assert s.energy is not None
        assert -11.0 < s.energy / s.n_atoms < -9.0


def test_comments_sides_and_missing_lines(tmp_path: Path) -> None:
    path = tmp_path / "some.data"
    path.write_text(
        "# written by hand\n\nbegin set=test\ncomment  bulk, run 3\n"
        "atom 0 0 0 H 0.5 0 0 0 0\nend\nbegin\natom 0 0 0 H 0 0 0 0 0\nenergy 1\ncharge -1\nend\n"
    )
    first, second = read_input_data(path)
    assert (first.name, first.side, first.energy, first.group) == ("bulk, run 3", "test", None, "")
    assert (second.name, second.side, second.charge) == ("some:1", None, -1.0)


ATOM = "atom 0 0 0 Au 0 0 1 2 3"


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        (["atom"], 1, "expected begin, found 'atom'"),
        (["begin set=val"], 1, "expected set=train, set=test or nothing, found 'set=val'"),
        (["begin", "atom 0 0 0 Au 0 0 1 2"], 2, r"\(10 words\), found 9 words"),
        (["begin", "atom 0 0 0 Xx 0 0 1 2 3"], 2, "expected a chemical symbol, found 'Xx'"),
        (["begin", "atom 0 0 zero Au 0 0 1 2 3"], 2, "expected a number .* found 'zero'"),
        (["begin", ATOM, "atom 0 0 0 Au 0 0 1 nan 3"], 3, "expected finite numbers, found nan"),
        (["begin", ATOM, "energy inf"], 3, "expected finite numbers, found inf"),
        (["begin", "lattice 1 2"], 2, "expected lattice x y z, found 2 numbers"),
        (["begin", "lattice 1 0 0", ATOM, "end"], 1, "expected 3 lattice lines.*found 1"),
        (["begin", *["lattice 1 0 0"] * 3, ATOM, "end"], 1, "do not span a volume"),
        (["begin", "end"], 1, "expected atoms in the block, found none"),
        (["begin", ATOM, "energy 1", "energy 1"], 4, "energy is given twice"),
        (["begin", "potato 1"], 2, "expected one of comment, .* found 'potato'"),
        (["begin", ATOM, "end", "begin", ATOM], 5, "begins in line 4 has no end"),
        (["begin", "comment weight=heavy"], 2, "found 'heavy'"),
    ],
)
def test_malformed_lines(tmp_path: Path, lines: list[str], line: int, message: str) -> None:
    path = tmp_path / "input.data"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(FormatError, match=message) as caught:
        list(read_input_data(path))
    assert caught.value.line == line
    assert f"input.data, line {line}:" in str(caught.value)


def test_unknown_energy_cannot_be_written(tmp_path: Path) -> None:
    bare = Structure(numbers=np.array([79]), positions=np.zeros((1, 3)), name="bare")
    with pytest.raises(DataError, match="'bare': has no energy"):
        write_input_data(tmp_path / "input.data", [bare])
    assert not list(tmp_path.iterdir())
