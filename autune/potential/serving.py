"""A potential that answers another program through a socket, by the protocol of i-PI."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.calculators.socketio import SocketClient, actualunixsocketname

from autune.errors import ConfigError
from autune.formats.atoms import to_atoms
from autune.potential.committee import Committee
from autune.potential.model import Potential
from autune.structures import Structure


def serve_potential(
    potential: Potential | Committee,
    structure: Structure,
    *,
    unixsocket: str | None = None,
    port: int | None = None,
    host: str = "localhost",
) -> Iterator[int]:
    """Answer the program that drives: its positions and cell in, energy, forces and virial out.

    The program (i-PI, or ASE's SocketIOCalculator) listens, this connects to it and ends when the
    other does (V. Kapil et al., Computer Physics Communications 236, 214 (2019); its protocol by
    ASE).

    Parameters
    ----------
    potential
        Which predicts.
    structure
        Elements in the order of the other program's atoms. Positions and cell are overwritten by
        what it sends; without a cell, no virial is sent.
    unixsocket
        Name of a socket ``/tmp/ipi_NAME`` on this machine; None: a port.
    port
        Port of the other program.
    host
        Machine of the other program.

    Yields
    ------
    int
        Atoms outside the range of the training set, after each answer.

    Raises
    ------
    ConfigError
        If nobody listens, the connection breaks, or the other program has other atoms.
    DataError
        If the structure has an element that the potential does not know.
    """
    potential.predict(structure)
    where = (
        f"port {port} of {host}" if unixsocket is None else f"{actualunixsocketname(unixsocket)}"
    )
    try:
        client = SocketClient(host=host, port=port, unixsocket=unixsocket)
    except OSError as error:
        raise ConfigError(
            "", f"nobody listens at {where} ({error.strerror or error}); start i-PI first"
        ) from None
    atoms = to_atoms(structure)
    atoms.calc = potential.calculator()
    try:
        for _ in client.irun(atoms, use_stress=structure.cell is not None):
            yield int(np.count_nonzero(atoms.calc.extrapolations))
    except OSError as error:
        raise ConfigError(
            "", f"the connection to {where} broke ({error.strerror or error}); start both again"
        ) from None
    except ValueError as error:
        if "broadcast" not in str(error):
            raise
        raise ConfigError(
            "",
            f"the program at {where} has not {structure.n_atoms} atoms, as {structure.label}; give "
            "the structure with which it begins",
        ) from None
