from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from autune.architecture import Architecture, SymmetryFunction
from autune.errors import ExportMismatch, FormatError
from autune.formats.input_nn import input_nn_text, read_input_nn

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"
ALL = sorted(REFERENCE.glob("*/*/input.nn"))

MINIMAL = """\
number_of_elements 2
elements Cu H
cutoff_type 2 0.1
global_hidden_layers_short 2
global_nodes_short 5 4
global_activation_short t p l
symfunction_short H 2 H 0.1 0 6.0
symfunction_short Cu 3 Cu H 0.1 1 2 6.0 0.5
"""


def read_text(path: Path, text: str) -> tuple[Architecture, dict[str, list[str]]]:
    (path / "input.nn").write_text(text)
    return read_input_nn(path / "input.nn")


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_reference_files_are_read_and_written_back(path: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # negative shifts, tested below
        architecture, keywords = read_input_nn(path)
    text = input_nn_text(architecture, {k: " ".join(v) for k, v in keywords.items()}, "a\nb")
    assert read_text(tmp_path, text) == (architecture, keywords)


def test_meaning_of_a_file() -> None:
    architecture, keywords = read_input_nn(
        REFERENCE / "net/normalized_units/input.nn", length_unit=0.5, energy_unit=27.0
    )
    assert architecture == Architecture(
        elements=("Au",),
        symmetry_functions={
            "Au": (
                SymmetryFunction(2, ("Au",), 0.05, 0.0, 6.0),
                SymmetryFunction(2, ("Au",), 0.5, 0.0, 6.0),
                SymmetryFunction(3, ("Au", "Au"), 0.02, 0.0, 6.0, 1.0, 1.0),
                SymmetryFunction(3, ("Au", "Au"), 0.02, 0.0, 6.0, -1.0, 4.0),
                SymmetryFunction(3, ("Au", "Au"), 0.08, 0.0, 6.0, 1.0, 1.5),
                SymmetryFunction(9, ("Au", "Au"), 0.02, 0.0, 6.0, 1.0, 1.0),
                SymmetryFunction(9, ("Au", "Au"), 0.02, 0.0, 6.0, -1.0, 4.0),
                SymmetryFunction(9, ("Au", "Au"), 0.08, 0.0, 6.0, 1.0, 1.5),
            )
        },
        cutoff_type="poly2",
        hidden_layers=(5, 4),
        activations=("tanh", "tanh", "identity"),
        atom_energies={"Au": -0.4},
        mean_energy=-3.21,
        conv_energy=7.5,
        conv_length=1.9,
        length_unit=0.5,
        energy_unit=27.0,
    )
    assert keywords == {"use_short_forces": [], "random_seed": ["4711"]}


def test_letters_codes_and_switches_of_the_reference_cases() -> None:
    expected = {"identity", "tanh", "logistic", "softplus", "gaussian"}
    for path in REFERENCE.glob("net/act_*/input.nn"):
        name = path.parent.name.removeprefix("act_").replace("gauss", "gaussian")
        assert read_input_nn(path)[0].activations[0] == name
        expected.discard(name)
    assert not expected
    modes = {"none", "scale", "center", "sigma"}
    for mode in modes:
        assert read_input_nn(REFERENCE / f"net/scaling_{mode}/input.nn")[0].scaling == mode
    scale_center = read_input_nn(REFERENCE / "net/scaling_scalecenter/input.nn")[0]
    assert (scale_center.scaling, scale_center.scale_min) == ("scale_center", -0.5)
    assert read_input_nn(REFERENCE / "net/normalize_nodes/input.nn")[0].normalize_nodes
    assert read_input_nn(REFERENCE / "sf/cut3/input.nn")[0].cutoff_type == "tanh"
    assert read_input_nn(REFERENCE / "sf/cut6_alpha0.3/input.nn")[0].inner_cutoff == 0.3


def test_elements_neighbours_comments_and_second_names(tmp_path: Path) -> None:
    text = "symfunction Cu 2 H 0.2 -1 6 # first ! in order\n! nothing\nenergy_fraction\t0.5\n"
    architecture, keywords = read_text(tmp_path, MINIMAL + text)
    assert architecture.elements == ("H", "Cu")
    assert architecture.symmetry_functions["Cu"] == (
        SymmetryFunction(2, ("H",), 0.2, -1.0, 6.0),
        SymmetryFunction(3, ("H", "Cu"), 0.1, 0.5, 6.0, 1.0, 2.0),
    )
    assert architecture.activations == ("tanh", "softplus", "identity")
    assert keywords == {"short_energy_fraction": ["0.5"]}


ELEMENT_WISE = """\
element_nodes_short Cu 1 7
element_nodes_short Cu 2 3
element_nodes_short H 2 2
"""


def test_networks_of_different_size(tmp_path: Path) -> None:
    architecture, _ = read_text(tmp_path, MINIMAL + ELEMENT_WISE)
    assert architecture.hidden_layers == {"H": (5, 2), "Cu": (7, 3)}
    assert architecture.layer_sizes("H") == (1, 5, 2, 1)
    text = input_nn_text(architecture, {})
    lines = [line.split() for line in text.splitlines() if line.startswith("element_nodes")]
    assert [line[1:] for line in lines] == [
        ["H", "1", "5"], ["H", "2", "2"], ["Cu", "1", "7"], ["Cu", "2", "3"],
    ]  # fmt: skip
    assert read_text(tmp_path, text)[0] == architecture
    same = "element_nodes_short H 1 5\n"
    assert read_text(tmp_path, MINIMAL + same)[0].hidden_layers == (5, 4)
    assert "element_nodes" not in input_nn_text(read_text(tmp_path, MINIMAL + same)[0], {})


def test_networks_in_the_layout_of_the_development_version(tmp_path: Path) -> None:
    text = MINIMAL + "element_hidden_layers_short Cu 2\nelement_nodes_short Cu 7 4\n"
    assert read_text(tmp_path, text)[0].hidden_layers == {"H": (5, 4), "Cu": (7, 4)}
    with pytest.warns(UserWarning, match=r"line 10: n2p2's .* takes 4 for the last .* place of 3"):
        architecture, _ = read_text(tmp_path, text.replace("Cu 7 4", "Cu 7 3"))
    assert architecture.hidden_layers == {"H": (5, 4), "Cu": (7, 3)}
    one = (
        MINIMAL.replace("short 2", "short 1")
        .replace("short 5 4", "short 5")
        .replace("t p l", "t l")
    )
    for line in ("Cu 7", "Cu 1 7"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_text(tmp_path, f"{one}element_nodes_short {line}\n")[0].hidden_layers
        assert found == {"H": (5,), "Cu": (7,)}


def test_sigma_counts_only_alone(tmp_path: Path) -> None:
    sigma = "scale_symmetry_functions_sigma\n"
    assert read_text(tmp_path, MINIMAL + sigma)[0].scaling == "sigma"
    both = sigma + "center_symmetry_functions\n"
    assert read_text(tmp_path, MINIMAL + both)[0].scaling == "center"


def test_negative_shift_of_angular_functions(tmp_path: Path) -> None:
    """n2p2 sorts by the shift of the file, then takes 0: an order that 0 would not give."""
    text = MINIMAL + (
        "symfunction_short Cu 3 Cu H 0.2 1 1 6.0 -1\nsymfunction_short Cu 3 Cu H 0.2 -1 1 6.0 0\n"
    )
    with pytest.warns(UserWarning, match=r"input\.nn, line 9: n2p2 and LAMMPS ignore"):
        architecture, _ = read_text(tmp_path, text)
    functions = architecture.symmetry_functions["Cu"]
    assert [(f.lambda_, f.r_shift) for f in functions] == [(1.0, 0.5), (1.0, 0.0), (-1.0, 0.0)]
    shifted = replace(functions[0], r_shift=-0.5)
    wrong = replace(architecture, symmetry_functions={"H": (), "Cu": (shifted,)})
    with pytest.raises(ExportMismatch, match="ignore a negative r_shift"):
        input_nn_text(wrong, {})


def test_all_types_in_n2p2s_order() -> None:
    architecture, _ = read_input_nn(REFERENCE / "sf/aucu_alltypes/input.nn")
    functions = architecture.symmetry_functions["Au"]
    assert [f.kind for f in functions] == [
        2, 2, 2, 2, 3, 3, 3, 9, 9, 9, 12, 13, 20, 20, 20, 20, 21, 21, 21, 22, 22, 22, 23, 24, 25,
    ]  # fmt: skip
    assert functions[11] == SymmetryFunction(13, (), 0.03, 0.4, 5.5, -1.0, 2.5)
    assert [str(f) for f in functions[13:17]] == [
        "G20(Au) p2 rl=1.5 rc=5",
        "G20(Cu) p3a rl=0.5 rc=5.5",
        "G20(Au) p3a rl=0.5 rc=5.5",
        "G21(Cu, Cu) e rl=0 rc=5 left=-80 right=80",
    ]
    assert str(functions[23]) == "G24 p4 rl=0 rc=5 left=100 right=260"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cutoff_type 1", "line 9: cutoff_type: is given twice, first in line 3"),
        ("element_activation_short H t t l", "line 9: element_activation_short: not supported"),
        ("element_hidden_layers_short H 1", "expected 2 as for all elements, found 1"),
        ("element_nodes_short H 0 5", "expected a layer from 1 to 2, found 0"),
        ("element_nodes_short H 1 0", "expected at least one neuron"),
        ("element_nodes_short H 1", r"expected an element, a hidden layer \(1, 2, ...\) and its"),
        ("element_nodes_short H 7 5 4", "expected an element, a hidden layer"),
        ("element_nodes_short Au 1 5", "expected one of the elements H Cu, found 'Au'"),
        ("element_nodes_short H 1 5\nelement_nodes_short H 1 5", "layer 1 of H is given twice"),
        ("nnp_type 4G-HDNNP", "expected 2G .* found '4G-HDNNP'"),
        ("symfunction_short H 2 Au 0.1 0 6.0", "expected one of the elements H Cu, found 'Au'"),
        ("symfunction_short H 2 H 0.1 0", "expected X 2 Y eta rs rc, found 'H 2 H 0.1 0'"),
        ("symfunction_short H 3 H H 0.1 1 6.0", r"expected X 3 Y Z eta lambda zeta rc \[rs\]"),
        ("symfunction_short H 2 H wide 0 6.0", "expected a number, found 'wide'"),
        ("symfunction_short H 2 H 0.1 0 0", "expected a cutoff radius above 0"),
        ("symfunction_short H 2 H 0.1 0 101", "expected a cutoff radius above 0, up to 100"),
        ("symfunction_short H 2 H -0.1 0 6", r"expected eta from 0 to 1e.15, found -0.1"),
        ("symfunction_short H 2 H 1e308 0 6", "expected eta from 0"),
        ("symfunction_short H 2 H 0.1 1e9 6", r"expected r_shift up to 100, found 1e.09"),
        ("symfunction_short H 9 H H 0.1 1 99999999 6.0", "expected zeta above 0, up to 1000"),
        ("scale_max_short 1e308", r"expected a number from -1e.06 to 1e.06, found 1e.308"),
        ("symfunction_short H 9 H H 0.1 2 1 6.0", "expected lambda -1 or 1, found 2"),
        (
            "symfunction_short H 4 H 0.1 0 6.0",
            "type 4 is not supported; autune knows types 2, 3, 9",
        ),
        ("symfunction_short H 2.5 H 0.1 0 6.0", "expected a whole number, found '2.5'"),
        ("symfunction_short H", r"a type and its parameters \(X 2 Y eta rs rc\), found 'H'"),
        ("symfunction_short H 12 H 0.1 0 6.0", "expected X 12 eta rs rc, found 'H 12 H 0.1 0 6.0'"),
        ("symfunction_short H 13 0.1 1 2 6.0", "expected X 13 eta rs lambda zeta rc, found"),
        ("symfunction_short H 20 H 1 6", "expected X 20 Y rl rc subtype, found"),
        ("symfunction_short H 21 H 1 6 0 90 p1", "expected X 21 Y Z rl rc left right subtype"),
        ("symfunction_short H 20 H 1 6 p5", "expected a subtype of e, p1, .* found 'p5'"),
        ("symfunction_short H 20 H 1 6 p2b", "expected a subtype"),
        ("symfunction_short H 23 6 6 p2", "expected rl below rc, from -100; found rl 6 and rc 6"),
        ("symfunction_short H 23 -101 6 p2", "expected rl below rc, from -100; found rl -101"),
        ("symfunction_short H 24 0 6 90 90 p2", "expected the left angle below the right one"),
        (
            "symfunction_short H 24 0 6 -20 80 p2",
            r"or a range around 0 \(-80 80\).*found -20 and 80",
        ),
        ("symfunction_short H 25 0 6 90 190 p2", "expected angles from 0 to 180 degrees, .* 190"),
        ("symfunction_short H 25 0 6 -190 190 p2", "expected angles from 0 to 180 degrees"),
        ("symfunction_short H 25 0 6 -1 361 p2", "expected angles from 0 to 180 degrees"),
        ("scale_min_short zero", "expected a number, found 'zero'"),
        ("scale_symmetry_functions off", "expected no argument"),
        ("mean_energy 1.0", "expected all of mean_energy, conv_energy, conv_length or none"),
        ("atom_energy Au 1.0", "expected one of the elements"),
        ("atom_energy H 1\natom_energy H 1", "line 10: atom_energy: H is given twice"),
    ],
)
def test_added_lines_that_are_wrong(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read_text(tmp_path, MINIMAL + line + "\n")
    assert caught.value.line in (9, 10)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("number_of_elements 2", "number_of_elements 3", "found 3, but elements lists 2"),
        ("elements Cu H", "elements Cu Xy", "expected chemical symbols, found 'Xy'"),
        ("cutoff_type 2 0.1", "cutoff_type 9", "expected 0 to 8, found 9"),
        ("cutoff_type 2 0.1", "cutoff_type 1 1.0", "expected alpha from 0 to less than 1"),
        ("cutoff_type 2 0.1", "", "keyword cutoff_type is required and missing"),
        ("short 5 4", "short 5", "expected the neurons of 2 hidden layers, found '5'"),
        ("short 5 4", "short 5 4.5", "expected a whole number, found '4.5'"),
        ("t p l", "t p", "expected letters for 2 hidden layers and the output"),
        ("t p l", "t x l", "expected letters of l t s p r g c S e h, found 'x'"),
        ("symfunction_short H 2 H 0.1 0 6.0", "", "element H has no symmetry function"),
    ],
)
def test_changed_lines_that_are_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MINIMAL
    with pytest.raises(FormatError, match=message):
        read_text(tmp_path, MINIMAL.replace(old, new))
