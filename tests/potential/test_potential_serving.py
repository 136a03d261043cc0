"""A potential behind a socket: what ASE's server gets is what the potential predicts."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.socketio import IPIProtocol, SocketIOCalculator
from ase.cluster import Icosahedron
from ase.io import write

from autune.errors import ConfigError, DataError
from autune.formats.atoms import from_atoms
from autune.potential.committee import Committee
from autune.potential.model import Potential
from autune.potential.serving import serve_potential
from autune.structures import Structure

FOLDER = Path(__file__).parents[1] / "reference" / "n2p2" / "net"


@pytest.fixture(scope="module")
def gold() -> Potential:
    return Potential.load(FOLDER / "act_tanh")


@pytest.fixture
def name() -> str:
    return f"autune_{uuid.uuid4().hex}"


def distorted() -> Atoms:
    atoms = bulk("Au", "fcc", a=4.1) * (2, 1, 1)
    atoms.set_cell(atoms.cell @ (np.eye(3) + 0.04 * np.tri(3)), scale_atoms=True)
    atoms.rattle(0.1, seed=3)
    return atoms


def steps(atoms: Atoms) -> Iterator[None]:
    """Yield for three steps of atoms and cell."""
    generator = np.random.default_rng(2)
    for _ in range(3):
        yield
        atoms.positions += generator.normal(0.0, 0.05, atoms.positions.shape)
        if atoms.cell.rank == 3:
            atoms.set_cell(atoms.cell @ (np.eye(3) + generator.normal(0.0, 0.02, (3, 3))))


def assert_same(atoms: Atoms, calculator: Calculator) -> None:
    """Compare the answers with those of a calculator: the units go to Hartree and Bohr and back."""
    copy = atoms.copy()
    copy.calc = calculator
    assert atoms.get_potential_energy() == pytest.approx(copy.get_potential_energy(), rel=1e-13)
    np.testing.assert_allclose(atoms.get_forces(), copy.get_forces(), rtol=1e-10, atol=1e-12)
    if atoms.cell.rank == 3:
        np.testing.assert_allclose(atoms.get_stress(), copy.get_stress(), rtol=1e-10, atol=1e-13)


def test_verb_answers_ase(gold: Potential, name: str, tmp_path: Path) -> None:
    atoms = distorted()
    write(tmp_path / "start.extxyz", atoms)
    command = ["serve", str(FOLDER / "act_tanh"), "start.extxyz", "--unixsocket", name]
    clients = []

    def launch(*_: object, **__: object) -> subprocess.Popen[str]:
        client = subprocess.Popen(
            [sys.executable, "-m", "autune", *command],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        clients.append(client)
        return client

    with SocketIOCalculator(unixsocket=name, launch_client=launch) as server:
        atoms.calc = server
        for _ in steps(atoms):
            assert_same(atoms, gold.calculator())
    text, errors = clients[0].communicate(timeout=60)
    assert clients[0].returncode == 0, errors
    assert text.startswith("3 answers; ")


@pytest.mark.parametrize("kind", ["committee", "cluster"])
def test_committees_and_clusters_answer(gold: Potential, name: str, kind: str) -> None:
    other = Potential.load(FOLDER / "act_gauss")
    potential = Committee((gold, other)) if kind == "committee" else gold
    atoms = Icosahedron("Au", 2) if kind == "cluster" else distorted()
    if kind == "cluster":
        atoms.set_cell(None)
    outside: list[int] = []
    with SocketIOCalculator(unixsocket=name, timeout=60) as server:
        answers = serve_potential(potential, from_atoms(atoms), unixsocket=name)
        client = threading.Thread(target=lambda: outside.extend(answers))
        client.start()
        atoms.calc = server
        for _ in steps(atoms):
            assert_same(atoms, potential.calculator())
    client.join(timeout=60)
    assert len(outside) == 3
    assert all(0 <= n <= len(atoms) for n in outside)


def test_port(gold: Potential) -> None:
    atoms = distorted()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answers = serve_potential(gold, from_atoms(atoms), port=listening.getsockname()[1])
        client = threading.Thread(target=lambda: list(answers))
        client.start()
        connection, _ = listening.accept()
        with connection:
            protocol = IPIProtocol(connection)
            found = protocol.calculate(atoms.positions, atoms.cell.array)
            protocol.end()
            client.join(timeout=60)
    expected = gold.predict(atoms)
    assert found["energy"] == pytest.approx(expected.energy, rel=1e-13)
    # The sign of i-PI: its virial is minus the derivative with respect to strain.
    np.testing.assert_allclose(found["virial"], -expected.virial, rtol=1e-10, atol=1e-12)


# ASE leaves its socket open where nobody listens.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_mistakes(gold: Potential, name: str) -> None:
    structure = from_atoms(distorted())
    with pytest.raises(ConfigError, match=rf"nobody listens at /tmp/ipi_{name} .*start i-PI first"):
        next(serve_potential(gold, structure, unixsocket=name))
    with pytest.raises(DataError, match="has Cu, the potential knows Au"):
        next(serve_potential(gold, from_atoms(bulk("Cu")), unixsocket=name))


def test_another_number_of_atoms(gold: Potential) -> None:
    three = Structure([79] * 3, 3.0 * np.eye(3), 9.0 * np.eye(3))
    errors = []

    def answer(port: int) -> None:
        try:
            list(serve_potential(gold, three, port=port))
        except ConfigError as error:
            errors.append(str(error))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = threading.Thread(target=answer, args=listening.getsockname()[1:])
        client.start()
        connection, _ = listening.accept()
        with connection:
            protocol = IPIProtocol(connection)
            assert protocol.status() == "READY"
            protocol.sendposdata(np.eye(3), np.eye(3), np.zeros((2, 3)))
            client.join(timeout=60)
    assert len(errors) == 1
    assert "has not 3 atoms" in errors[0]
