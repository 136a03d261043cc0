"""Which files go to a cluster, and what the settings call them there."""

from __future__ import annotations

import os

import pytest
import yaml

from autune.dataset import Dataset
from autune.errors import ConfigError
from autune.search import upload
from autune.search.upload import gather

FRAME = """1
Lattice="4.1 0 0 0 4.1 0 0 0 4.1" Properties=species:S:1:pos:R:3:forces:R:3 energy=-3.0
Au 0.0 0.0 0.0 0.0 0.0 {force}
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's folder with more in it than a search needs."""
    here = tmp_path / "home"
    for name in ("a/gold.extxyz", "b/gold.extxyz", "runs/one/x.extxyz", "runs/.old/y.extxyz"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(FRAME.format(force=len(name) / 100))
    (here / "runs" / "notes.txt").write_text("mine")
    (here / "dft.json").write_text('{"properties": {}}')
    (here / "before.yaml").write_text("name: before")
    (here / "private.key").write_text("secret")
    monkeypatch.chdir(here)
    return here


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_has_no_end_is_not_sent(home, kind):
    path = "/dev/zero"
    if kind == "pipe":
        path = "pipe"
        os.mkfifo(path)
    with pytest.raises(ConfigError, match=r"dataset\.path: .* neither a file nor a folder"):
        gather({"dataset": {"path": path}})


@pytest.fixture
def sent(tmp_path):
    """Gather for settings and write: the settings there, and the names of all files."""

    def send(raw):
        folder = tmp_path / "sent"
        folder.mkdir()
        gather(raw).write(folder)
        files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
        return yaml.safe_load((folder / "settings.yaml").read_text()), files, folder

    return send


def test_files_that_settings_name_are_sent_and_nothing_else(home, sent):
    raw = {
        "name": "gold",
        "dataset": {"path": "a/gold.extxyz", "split_seed": 3},
        "evaluation": {"properties": {"reference": str(home / "dft.json")}},
        "search": {"start_from": ["defaults", "before.yaml", "another search"], "trials": 5},
    }
    there, files, folder = sent(raw)
    assert there == {
        "name": "gold",
        "dataset": {"path": "files/0/gold.extxyz", "split_seed": 3},
        "evaluation": {"properties": {"reference": "files/1/dft.json"}},
        "search": {
            "start_from": ["defaults", "files/2/before.yaml", "another search"],
            "trials": 5,
        },
    }
    named = {"files/0/gold.extxyz", "files/1/dft.json", "files/2/before.yaml"}
    assert files == named | {"settings.yaml"}
    assert (folder / "files/1/dft.json").read_text() == '{"properties": {}}'


def test_files_of_baselines_are_sent(home, sent):
    (home / "mine.eam").write_text("table")
    baselines = {"A": {"file": "mine.eam"}, "B": {"file": "lammps:Au_u3.eam"}, "C": {}}
    there, files, _ = sent({"evaluation": {"properties": {"baselines": baselines}}})
    assert there["evaluation"]["properties"]["baselines"] == {
        **baselines,
        "A": {"file": "files/0/mine.eam"},
    }
    assert files == {"files/0/mine.eam", "settings.yaml"}


def test_potentials_from_which_trainings_go_on_are_sent(home, sent):
    for folder in ("runs", "trained/potential"):
        (home / folder).mkdir(parents=True, exist_ok=True)
        for name in ("input.nn", "scaling.data", "weights.079.data", "notes.txt"):
            (home / folder / name).write_text(folder)
    start = {"choice": ["runs", "trained", None]}
    there, files, folder = sent({"dataset": {"path": "runs"}, "training": {"start_from": start}})
    assert there["dataset"]["path"] == "files/0/runs"
    first, second = there["training"]["start_from"]["choice"][:2]
    assert (first, second) == ("files/1/runs", "files/2/trained")
    names = {"input.nn", "scaling.data", "weights.079.data"}
    assert files == {"settings.yaml", "files/0/runs/one/x.extxyz"} | {
        f"{place}/{name}" for place in (first, second) for name in names
    }
    assert (folder / second / "input.nn").read_text() == "trained/potential"
    with pytest.raises(ConfigError, match=r"training\.start_from: .*a holds no potential"):
        gather({"training": {"start_from": "a"}})


def test_choices_of_data_sets_are_all_sent(home, sent):
    path = {
        "choice": ["a/gold.extxyz", "b/gold.extxyz", "builtin:gold", "a/gold.extxyz"],
        "when": {"training.kalman.kind": "fading"},
        "otherwise": "b/gold.extxyz",
    }
    there, files, _ = sent({"dataset": {"path": path}})
    first = "files/0/gold.extxyz"
    assert there["dataset"]["path"] == {
        "choice": [first, "files/1/gold.extxyz", "builtin:gold", first],
        "when": {"training.kalman.kind": "fading"},
        "otherwise": "files/1/gold.extxyz",
    }
    assert len(files) == 3


def test_what_is_on_the_cluster_stays_there(home, sent):
    for path in ("builtin:gold", "/data/of/the/cluster.extxyz"):
        assert gather({"dataset": {"path": path}}).files == {}
    there, files, _ = sent({"dataset": {"path": "/data/of/the/cluster.extxyz"}})
    assert there["dataset"]["path"] == "/data/of/the/cluster.extxyz"
    assert files == {"settings.yaml"}


@pytest.mark.parametrize("path", ["runs", "./runs/", "."])
def test_of_a_folder_only_what_is_read_is_sent(home, sent, path):
    there, files, folder = sent({"dataset": {"path": path}})
    assert not any("notes" in name or ".old" in name or "key" in name for name in files)
    here, again = (Dataset.read(p) for p in (path, folder / there["dataset"]["path"]))
    assert here.fingerprint == again.fingerprint
    assert [s.name for s in here.structures] == [s.name for s in again.structures]


def test_a_link_that_leads_out_of_a_folder_is_refused(home):
    (home / "runs" / "z.extxyz").symlink_to(home / "a" / "gold.extxyz")
    with pytest.raises(ConfigError, match=r"dataset\.path: .*z\.extxyz is a link that leads out"):
        gather({"dataset": {"path": "runs"}})
    (home / "runs" / "z.extxyz").unlink()
    (home / "runs" / "z.extxyz").symlink_to("one/x.extxyz")
    assert len(gather({"dataset": {"path": "runs"}}).files) == 2


def test_a_file_that_is_missing_is_refused(home):
    with pytest.raises(ConfigError, match=r"evaluation\.properties\.reference: no file none\.json"):
        gather({"evaluation": {"properties": {"reference": "none.json"}}})


def test_what_is_too_large_has_its_place_on_the_cluster(home, monkeypatch):
    size = (home / "a" / "gold.extxyz").stat().st_size
    raw = {"dataset": {"path": {"choice": ["a/gold.extxyz", "b/gold.extxyz"]}}}
    monkeypatch.setattr(upload, "LARGEST", 2 * size)
    assert len(gather(raw).files) == 2
    monkeypatch.setattr(upload, "LARGEST", 2 * size - 1)
    with pytest.raises(ConfigError, match=r"b/gold\.extxyz makes the upload larger than"):
        gather(raw)
    # A path that the cluster may know is left to it.
    absolute = str(home / "b" / "gold.extxyz")
    raw = {"dataset": {"path": {"choice": ["a/gold.extxyz", absolute]}}}
    found = gather(raw)
    assert absolute in found.settings
    assert len(found.files) == 1
