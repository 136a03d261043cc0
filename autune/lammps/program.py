"""Where LAMMPS is, and whether it can run neural network potentials."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autune.errors import ConfigError
from autune.formats.files import is_file

NAMES = ("lmp", "lmp_serial", "lmp_mpi")
"""Programs that are looked for in PATH and beside the Python that runs autune."""

HOW_TO_GET_ONE = (
    "the package lammps of conda-forge has ML-HDNNP; those of PyPI (pip) and of Debian and Ubuntu "
    "(apt) have not, and LAMMPS from source has it when built with n2p2 and -D PKG_ML-HDNNP=yes; "
    "name the program with --lammps PATH where it is not lmp, lmp_serial or lmp_mpi in PATH, or "
    "the Python module lammps"
)

_OF_MODULE = "import sys; from lammps import lammps; lammps(cmdargs=sys.argv[2:]).file(sys.argv[1])"
_NO_LOG = ("-log", "none", "-nocite")
_A_MINUTE = 60.0


@dataclass(frozen=True)
class Lammps:
    """A LAMMPS that was found.

    Attributes
    ----------
    name
        Path, or that it is the Python module.
    command
        Words that run an input script in the current folder; the path of the script is missing.
    options
        Words after the path of the script.
    version
        Date of its release, or why it does not start.
    styles
        Its pair styles; none if it does not start.
    """

    name: str
    command: tuple[str, ...]
    options: tuple[str, ...] = _NO_LOG
    version: str = ""
    styles: frozenset[str] = frozenset()

    @property
    def has_hdnnp(self) -> bool:
        """Whether it was built with ML-HDNNP."""
        return "hdnnp" in self.styles

    def run(self, script: Path, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
        """Run an input script in its folder.

        Parameters
        ----------
        script
            Input script; what it names lies beside it.
        seconds
            Time after which it is ended, None: never.

        Raises
        ------
        OSError
            If it cannot be started.
        subprocess.TimeoutExpired
            After the time.
        """
        return subprocess.run(
            [*self.command, script.name, *self.options],
            cwd=script.parent,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )


def find_lammps(path: Path | None = None) -> Lammps:
    """Find a LAMMPS with ML-HDNNP.

    Parameters
    ----------
    path
        Program; None: those of `NAMES` in PATH, then those beside Python, then the Python module
        ``lammps``.

    Raises
    ------
    ConfigError
        If there is none; the message says what was found, and how to get one.
    """
    found = list_lammps(path)
    for lammps in found:
        if lammps.has_hdnnp:
            return lammps
    said = "; ".join(f"{one.name} ({one.version}), {_what_it_lacks(one)}" for one in found)
    raise ConfigError(
        "",
        "no LAMMPS that can run the potential (pair_style hdnnp of its package ML-HDNNP), so "
        f"nothing was compared; found: {said or 'no LAMMPS at all'}; {HOW_TO_GET_ONE}",
    )


def _what_it_lacks(lammps: Lammps) -> str:
    return "without ML-HDNNP" if lammps.styles else "which does not start"


def list_lammps(path: Path | None = None) -> list[Lammps]:
    """List what can be found of LAMMPS, with or without ML-HDNNP; arguments of `find_lammps`."""
    if path is not None:
        if not is_file(path):
            raise ConfigError("", f"no program {path}; name that of LAMMPS with --lammps")
        return [_probed(Lammps(str(path), (str(path.absolute()), "-in")))]
    beside = str(Path(sys.executable).parent)
    places = [shutil.which(name, path=place) for place in (None, beside) for name in NAMES]
    programs = {Path(place).resolve(): place for place in reversed(places) if place}
    found = [Lammps(program, (program, "-in")) for program in reversed(programs.values())]
    if importlib.util.find_spec("lammps") is not None:
        found.append(Lammps("the Python module lammps", (sys.executable, "-c", _OF_MODULE)))
    return [_probed(one) for one in found]


def _probed(lammps: Lammps) -> Lammps:
    """Ask a LAMMPS for its version and its pair styles."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "in.styles"
        script.write_text("info styles pair\n")
        try:
            done = lammps.run(script, _A_MINUTE)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Lammps(lammps.name, lammps.command, version=str(error))
    release = re.search(r"^LAMMPS \((.*?)\)", done.stdout, re.MULTILINE)
    listed = done.stdout.partition("Pair styles:")[2]
    if release is None or not listed:
        words = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        return Lammps(lammps.name, lammps.command, version=words[-1])
    return Lammps(lammps.name, lammps.command, version=release[1], styles=frozenset(listed.split()))
