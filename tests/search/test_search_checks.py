"""What a search checks, refuses and goes on with; trials run in this process."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import fake_trial
import numpy as np
import pytest
import yaml
from fake_trial import settings

import autune
from autune.errors import ConfigError, DataError, SearchError
from autune.formats.tables import Scaling
from autune.kernels import jit
from autune.potential.basis import build_architecture
from autune.potential.model import Potential
from autune.search import checks, search
from autune.search.folder import SearchFolder
from autune.search.study.storage import Store
from autune.search.tracking.addresses import find_address
from autune.settings import Settings
from autune.space import SearchSpace

pytestmark = pytest.mark.usefixtures("without_ray")


def test_a_name_in_use_is_refused_and_nothing_is_touched(run, tmp_path):
    run(settings(trials=2))
    before = {p: p.read_bytes() for p in (tmp_path / "fake").rglob("*") if p.is_file()}
    with pytest.raises(SearchError, match=r"exists in .*--resume.*--name"):
        run(settings(trials=3))
    assert before == {p: p.read_bytes() for p in (tmp_path / "fake").rglob("*") if p.is_file()}
    assert run(name="other").folder.path == tmp_path / "other"


def test_a_finished_search_goes_on_with_more_trials(run):
    first = run(settings(trials=2))
    assert run(settings(trials=2), resume=True).records == first.records
    second = run(settings(trials=4), resume=True)
    assert second.records[:2] == first.records
    assert second.counts == {"complete": 4}


def test_compiling_is_said_before_trials_and_where_there_are_some(run, monkeypatch, caplog):
    monkeypatch.setattr(jit, "compiled_code", list)
    caplog.set_level("INFO", "autune")
    run(settings(trials=1))
    assert caplog.text.count("compiling kernels") == 1
    caplog.clear()
    run(settings(trials=1), resume=True)
    assert "compiling" not in caplog.text


def test_a_search_goes_on_only_with_the_same_settings_and_data(run, tiny_dataset):
    run(settings(trials=1))
    changed = settings(trials=1)
    changed["training"]["force_ratio"] = {"uniform": [0.0, 0.5]}
    changed["evaluation"] = {"seeds": 3}
    with pytest.raises(
        SearchError, match=r"changed since .*evaluation.seeds, training.force_ratio"
    ):
        run(changed, resume=True)
    with pytest.raises(SearchError, match=r"changed since .*search.objectives"):
        run(settings(trials=1, objectives=["score"]), resume=True)
    data = replace(tiny_dataset, train=np.array([0, 1]))
    with pytest.raises(SearchError, match="structures of fake have changed"):
        run(settings(trials=1), resume=True, dataset=data)
    with pytest.raises(SearchError, match=r"no search new .*leave out --resume"):
        run(name="new", resume=True)


def write_reference(path, points=(), **values):
    """Write a table of reference values in GPa, and an equation of state."""
    table = {n: {"value": v, "unit": "GPa", "uncertainty": 2.0} for n, v in values.items()}
    fcc = {"volume_per_atom_A3": [15, 16, 17, 18, 19], "energy_per_atom_eV": points}
    curves = {"equation_of_state": {"fcc": fcc}} if points else {}
    path.write_text(json.dumps({"properties": table, **curves}))


@pytest.mark.parametrize("searched", [False, True])
def test_a_search_goes_on_only_with_the_same_reference_values(run, tmp_path, searched):
    raw = settings(trials=1)
    one, two = (str(tmp_path / f"{name}.json") for name in ("one", "two"))
    raw["evaluation"]["properties"] = {
        "reference": {"choice": [one, two]} if searched else one,
        "elastic_constants": {},
        "equation_of_state_curves": {"crystals": ["fcc"]},
    }
    before = {"C11": 160.0, "C12": 140.0, "points": [4, 1, 0, 1, 4]}
    for path in (tmp_path / "one.json", tmp_path / "two.json"):
        write_reference(path, **before)
    run(raw)
    place = " in .*one.json" if searched else ""
    for change, said in (
        ({"C11": 161.0}, rf"C11{place} was 160.0 \+- 2.0 GPa, is 161.0 .*or give another --name"),
        ({"C44": 40.0}, rf"C44{place} is new"),
        ({"points": [4, 1, 0, 1, 5]}, rf"equation_of_state.fcc{place} was 5 points"),
    ):
        write_reference(tmp_path / "one.json", **{**before, **change})
        with pytest.raises(SearchError, match=said):
            run(raw, resume=True)
    # What is compared with nothing does not matter.
    write_reference(tmp_path / "one.json", **before, bulk_modulus_eos=150.0)
    assert run(raw, resume=True).counts == {"complete": 1}


@pytest.mark.parametrize("dependent", [False, True])
def test_any_property_may_meet_any_reference(run, tmp_path, dependent):
    raw = settings(trials=1)
    path = tmp_path / "reference.json"
    when = {"when": {"evaluation.properties.reference": str(path)}} if dependent else {}
    raw["evaluation"]["properties"] = {
        "reference": {"choice": [None, str(path)]},
        "elastic_constants": {"choice": [None, {}], **when},
    }
    write_reference(path, C11=160.0)
    assert run(raw).folder.study().compared == {"C11": "160.0 +- 2.0 GPa"}


def test_a_search_by_another_name_says_it_in_its_folder(run):
    folder = run(settings(trials=1), name="another").folder
    assert folder.space().example().name == folder.name == "another"


def test_a_search_that_began_without_its_reference_values_goes_on(run, tmp_path, monkeypatch):
    raw = settings(trials=1)
    path = tmp_path / "reference.json"
    raw["evaluation"]["properties"] = {"reference": str(path), "elastic_constants": {}}
    write_reference(path, C11=160.0)
    with monkeypatch.context() as before:  # they were kept
        before.setattr(checks, "compared", lambda space: None)
        before.setattr(checks, "check_compared", lambda *_: None)
        folder = run(raw).folder
    assert folder.study().compared == {}
    write_reference(path, C11=170.0)
    assert run(raw, resume=True).counts == {"complete": 1}
    assert folder.study().compared == {"C11": "170.0 +- 2.0 GPa"}
    write_reference(path)
    with pytest.raises(SearchError, match="C11 is gone"):
        run(raw, resume=True)


@pytest.mark.parametrize("searched", [False, True])
def test_a_search_goes_on_only_from_the_same_potential(run, tmp_path, searched):
    raw = settings(trials=1)
    raw["potential"].update(hidden_layers=[5], scale_min=0.0)
    architecture = build_architecture(SearchSpace.from_mapping(raw).example().potential)
    n = len(architecture.symmetry_functions["Au"])
    scaling = {"Au": Scaling(*np.arange(4.0)[:, None] + np.zeros(n))}
    for name in ("one", "two"):
        weights = {"Au": np.ones(architecture.n_weights("Au"))}
        Potential(architecture, scaling, weights).save(tmp_path / name)
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    raw["training"]["start_from"] = {"choice": [one, two]} if searched else two
    run(raw)
    assert run(raw, resume=True).counts == {"complete": 1}
    Potential(architecture, scaling, {"Au": 2.0 * weights["Au"]}).save(tmp_path / "two")
    with pytest.raises(SearchError, match=r"potentials of training\.start_from of fake have chan"):
        run(raw, resume=True)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"training": {"epochs": 4}, "potential": {"elements": ["Au"]}}, ConfigError, "nothing is"),
        ({"resources": {"cpus_per_trial": 512}}, ConfigError, "512 cores are wanted"),
        ({"search": {"sampler": "grid"}}, ConfigError, "has no finite grid"),
        ({"search": {}}, ConfigError, "property_error needs evaluation.properties"),
        ({"name": "../out"}, ConfigError, "name"),
    ],
)
def test_mistakes_are_said_before_anything_is_written(run, tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        run({**settings(), **change})
    assert list(tmp_path.iterdir()) == []


def test_a_searched_ratio_that_trains_nothing_is_warned_of_at_the_start(run):
    raw = settings(trials=1)
    raw["training"]["stress_ratio"] = {"choice": [0.0, 1e-5]}
    raw["training"]["force_ratio"] = 0.5
    with pytest.warns(UserWarning, match="stress_ratio: 1e-05 of 1000 updates"):
        run(raw, dataset=None)


def test_every_split_that_is_searched_is_tried_before_the_first_trial(run, tmp_path):
    raw = settings(objectives=["force_rmse"])
    raw["dataset"] = {
        "path": "builtin:gold",
        "train_without_groups": {"choice": [[], ["surface_100"], ["surface_110"]]},
    }
    with pytest.raises(
        ConfigError, match=r"train_without_groups: the value \[\"surface_110\"\] .* no group"
    ):
        run(raw, dataset=None)
    everything = ["bcc", "fcc", "surface_100", "surface_111"]
    raw["dataset"]["train_without_groups"]["choice"][2] = everything
    with pytest.raises(ConfigError, match="the training set is empty"):
        run(raw, dataset=None)
    assert list(tmp_path.iterdir()) == []


def test_missing_data_and_folders_that_cannot_be_written_are_said(run, tmp_path):
    raw = settings()
    raw["dataset"]["path"] = str(tmp_path / "nothing.extxyz")
    with pytest.raises(autune.AutuneError, match=r"nothing\.extxyz"):
        run(raw, dataset=None)
    raw = settings()
    raw["potential"]["elements"] = ["Ag"]
    with pytest.raises((ConfigError, DataError), match="Ag"):
        run(raw)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SearchError, match="cannot be made"):
        run(results=tmp_path / "file")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    with pytest.raises(SearchError, match="holds something else"):
        run(name="taken")


def test_a_search_that_was_killed_while_it_began_keeps_its_objectives(run, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SearchFolder, "write_settings", die)
        with pytest.raises(KeyboardInterrupt):
            run(settings(trials=1))
    with pytest.raises(SearchError, match="began with the objectives energy_rmse, force_rmse;"):
        run(settings(trials=1, objectives=["score"]), resume=True)


def test_two_processes_that_begin_the_same_search(run, monkeypatch, tiny_dataset):
    others = []

    def prepare_slowly(*_):
        if not others:
            others.append(True)
            run(settings(trials=1))
        return tiny_dataset

    monkeypatch.setattr(checks, "prepare_dataset", prepare_slowly)
    with pytest.raises(SearchError, match=r"exists in .*--resume"):
        run(settings(trials=2))


def test_searched_data_settings_are_read_by_the_workers(run):
    raw = settings(trials=2)
    raw["dataset"] = {"path": "builtin:gold", "test_fraction": {"choice": [0.1, 0.2]}}
    result = run(raw, dataset=None)
    worker = json.loads((result.records[0].directory / "worker.json").read_text())
    assert worker["n_structures"] > 50
    with pytest.raises(ConfigError, match="no data set can be given"):
        run(raw, name="b")


def test_settings_are_left_as_they_were(run):
    raw = settings(trials=1)
    before = copy.deepcopy(raw)
    run(raw, name="other")
    assert raw == before


def test_a_search_without_a_complete_trial_is_an_error(run):
    with pytest.raises(SearchError, match=r"none of the 2 trials is complete.*the same for all"):
        run(settings(trials=2), fake_trial.run_into_wall)


def test_a_file_is_kept_with_its_comments(run, tmp_path):
    path = tmp_path / "space.yaml"
    text = "# Why this space.\n" + yaml.safe_dump(settings(trials=1))
    path.write_text(text)
    result = run(path, name="other")
    assert result.folder.settings_file.read_text() == text
    assert result.folder.name == "other"


def test_a_password_is_in_the_search_s_own_file_alone_which_others_cannot_read(
    run, tmp_path, monkeypatch
):
    from autune.search import run as module

    monkeypatch.setattr(module, "_trackers", lambda folder, settings: [])
    raw = settings(trials=2, sampler="random")
    raw["tracking"]["mlflow"] = "http://me:se:cr@t@host:5000"
    raw["confirm"] = {"best": 1, "seeds": 2}
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump(raw))
    path.chmod(0o644)
    folder = run(path, name="other").folder
    holding = {p for p in folder.path.rglob("*") if p.is_file() and b"cr@t" in p.read_bytes()}
    assert holding == {folder.settings_file, folder.confirmation.settings_file}
    assert {p.stat().st_mode & 0o777 for p in holding} == {0o600}
    assert folder.settings_file.read_text() == path.read_text()
    of_trial = Settings.read(folder.trials / "0001" / "settings.yaml")
    assert of_trial.tracking.mlflow == "http://me:***@host:5000"
    raw["search"]["trials"] = 3
    assert len(run(raw, name="other", resume=True).records) == 3
    assert folder.settings_file.stat().st_mode & 0o777 == 0o600
    plain = run(settings(trials=1), name="plain").folder.settings_file
    usual = tmp_path / "usual"
    usual.touch()
    assert plain.stat().st_mode == usual.stat().st_mode


@pytest.mark.parametrize("password", ["cr t", "12,cr", "12)cr", "cr\nt", "cr[t"])
def test_a_password_that_cannot_be_masked_is_refused_unseen(password):
    for section, key in (("search", "storage"), ("tracking", "mlflow")):
        raw = settings()
        raw.setdefault(section, {})[key] = f"postgresql://me:{password}@host/db"
        with pytest.raises(ConfigError, match=f"{key} .*postgresql://me:") as refused:
            SearchSpace.from_mapping(raw)
        assert "cr" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["postgresql://u:se@cr@t@h/d", "postgresql://h/d?password=cr@t"]
)
def test_settings_of_a_trial_have_no_password(address):
    raw = settings(storage=address)
    raw["tracking"]["mlflow"] = f"{address}2"
    at = SearchSpace.from_mapping(raw).example()
    text = at.to_yaml()
    assert "cr@t" not in text
    assert text.count("***") == 2
    again = Settings.from_mapping(yaml.safe_load(text))
    assert again.identity == at.identity
    assert again.training == at.training


def test_the_room_can_be_called():
    with pytest.raises(ConfigError, match=r"settings file nothing\.yaml cannot be read"):
        autune.search("nothing.yaml")
    assert autune.search.search is search


def test_an_at_in_a_password_of_a_database_does_not_end_in_the_name_of_its_host(tmp_path):
    address = "postgresql://me:se@cr@t@127.0.0.1:1/db"
    with pytest.raises(SearchError, match="cannot be used") as refused:
        Store(SearchFolder(tmp_path), address).begin(lambda storage: storage)
    assert "cr@t" not in str(refused.value)
    assert "Connection refused" in str(refused.value)
    mlflow = find_address(SearchFolder(tmp_path), address)
    assert mlflow.startswith("postgresql+psycopg://me:se%40cr%40t@127.0.0.1:1/db?")


def test_a_search_whose_database_is_away_at_the_beginning_leaves_its_name_free(run, tmp_path):
    raw = settings(trials=1)
    raw["search"]["storage"] = "postgresql://me@127.0.0.1:1/db"
    for _ in range(2):
        with pytest.raises(SearchError, match="Connection refused; start it"):
            run(raw, name="other")
    assert run(settings(trials=1), name="other").folder.path == tmp_path / "other"


def test_an_objective_of_stresses_needs_data_that_knows_some(tiny_dataset):
    raw = settings(objectives=["stress_rmse", "force_rmse"])
    wanted = SearchSpace.from_mapping(raw).example()
    with pytest.raises(
        ConfigError, match=r"search\.objectives: there is no stress_rmse: .* stress"
    ):
        checks.check_objectives(wanted, tiny_dataset)
    structures = tuple(replace(s, stress=np.eye(3)) for s in tiny_dataset.structures)
    stressed = replace(tiny_dataset, structures=structures)
    checks.check_objectives(wanted, stressed)
    # Without the data nobody can tell.
    checks.check_objectives(wanted)
