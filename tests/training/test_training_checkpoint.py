"""The state of a training on disk: gone on with bit for bit, begun again where it is damaged."""

from __future__ import annotations

import io
import resource
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.evaluation.loss import score
from autune.settings import Settings
from autune.training import checkpoint as module
from autune.training.epoch import Epoch, Judged
from autune.training.loop import Trained, train_potential
from autune.training.prepare import Prepared, prepare

GOLD = Dataset.read("builtin:gold")
N_WEIGHTS = 4 * 5 + 4 + 1
EPOCHS = 4


@pytest.fixture(autouse=True)
def _after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITING_SHARE", float("inf"))


def make_settings(**training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "small",
            "dataset": {"path": "builtin:gold", "leave_out_groups": ["surface_100"]},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.5,
                "symmetry_functions": {
                    "basis": None,
                    "radial": {"eta": [0.05, 0.4]},
                    "angular": {"functions": [[0.01, -1, 2], [0.01, 1, 2]]},
                },
                "hidden_layers": [4],
            },
            "training": {"epochs": EPOCHS, "updates_per_epoch": 15, **training},
        }
    )


def ready(settings: Settings) -> Prepared:
    return prepare(settings, split_dataset(GOLD, settings.dataset))


def run(settings: Settings, prepared: Prepared, **options: Any) -> Trained:
    judge = partial(score, settings=settings.evaluation.score)
    return train_potential(settings, prepared, judge, **options)


class Reports:
    """A report that keeps the numbers of epochs, and stops or dies in one of them."""

    def __init__(self, stop: int = -1, die: int = -1) -> None:
        self.seen: list[int] = []
        self.stop, self.die = stop, die

    def __call__(self, epoch: Epoch | Judged) -> bool:
        assert isinstance(epoch, Epoch)
        self.seen.append(epoch.number)
        if epoch.number == self.die:
            raise KeyboardInterrupt
        return epoch.number != self.stop


def errors(trained: Trained) -> list[tuple[float, ...]]:
    return [
        (e.train_energy_rmse, e.test_energy_rmse, e.train_force_rmse, e.test_force_rmse, e.score)
        for e in trained.epochs
    ]


def is_same(one: Trained, other: Trained) -> bool:
    return (
        errors(one) == errors(other)
        and one.kept == other.kept
        and bool((one.potential.weights["Au"] == other.potential.weights["Au"]).all())
    )


VARIANTS: list[dict[str, Any]] = [
    *(
        {"kalman": {"kind": kind, "decoupling": decoupling}, "streams": streams}
        for kind in ("standard", "fading")
        for decoupling in ("none", "layer", "neuron")
        for streams in (1, 3)
    ),
    {"kalman": {"per_element": True}, "normalization": "none", "force_ratio": 0.0},
    {"kalman": {"decoupling": "layer", "precision": "single"}, "streams": 2},
    {"streams": 3, "multistream": "sum", "selection": {"mode": "random"}},
    {"selection": {"mode": "sorted"}, "normalization": "ref"},
    {"keep": "last"},
    {"force_ratio": 0.5, "stress_ratio": 0.3, "streams": 2},
    {"optimizer": "adam", "streams": 2},
    {"kalman": {"per_element": True}, "stress_ratio": 0.1, "selection": {"mode": "sorted"}},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_training_killed_between_epochs_ends_as_if_it_had_not_been(
    variant: dict[str, Any], tmp_path: Path
) -> None:
    settings = make_settings(**variant)
    prepared = ready(settings)
    whole = run(settings, prepared, seed=1)
    for die in range(1, EPOCHS + 1):
        path = tmp_path / f"{die}.npz"
        with pytest.raises(KeyboardInterrupt):
            run(settings, prepared, seed=1, report=Reports(die=die), checkpoint=path)
        reports = Reports()
        again = run(settings, prepared, seed=1, report=reports, checkpoint=path)
        # The epoch in flight is repeated, and none before.
        assert reports.seen == list(range(die, EPOCHS + 1))
        assert is_same(again, whole)


def test_a_training_that_was_stopped_goes_on(tmp_path: Path) -> None:
    settings = make_settings()
    prepared = ready(settings)
    path = tmp_path / "checkpoint.npz"
    first = run(settings, prepared, report=Reports(stop=2), checkpoint=path)
    assert not first.finished
    reports = Reports()
    second = run(settings, prepared, report=reports, checkpoint=path)
    assert second.finished
    assert reports.seen == [3, 4]
    assert is_same(second, run(settings, prepared))


def test_a_training_that_is_over_leaves_its_weights_and_no_covariance(tmp_path: Path) -> None:
    settings = make_settings()
    prepared = ready(settings)
    path = tmp_path / "checkpoint.npz"
    whole = run(settings, prepared, checkpoint=path)
    with np.load(path) as stored:
        assert stored["weights"].shape == (N_WEIGHTS,)
        assert not [name for name in stored if name.startswith("P")]
    reports = Reports()
    assert is_same(run(settings, prepared, report=reports, checkpoint=path), whole)
    assert reports.seen == []


def test_one_triangle_of_the_covariance_is_kept(tmp_path: Path) -> None:
    settings = make_settings()
    path = tmp_path / "checkpoint.npz"
    run(settings, ready(settings), report=Reports(stop=1), checkpoint=path)
    with np.load(path) as stored:
        assert stored["P0"].shape == (N_WEIGHTS * (N_WEIGHTS + 1) // 2,)


@pytest.mark.parametrize("change", [{"force_weight": 2.0}, {"seed": 7}], ids=str)
def test_a_checkpoint_of_other_settings_is_not_used(change: dict[str, Any], tmp_path: Path) -> None:
    settings, other = make_settings(), make_settings(**change)
    path = tmp_path / "checkpoint.npz"
    run(settings, ready(settings), report=Reports(stop=2), checkpoint=path)
    prepared = ready(other)
    reports = Reports()
    again = run(other, prepared, report=reports, checkpoint=path)
    assert reports.seen == list(range(1, EPOCHS + 1))
    assert is_same(again, run(other, prepared))


def test_a_checkpoint_of_another_seed_is_not_used(tmp_path: Path) -> None:
    settings = make_settings()
    prepared = ready(settings)
    path = tmp_path / "checkpoint.npz"
    run(settings, prepared, seed=0, report=Reports(stop=2), checkpoint=path)
    assert is_same(
        run(settings, prepared, seed=1, checkpoint=path), run(settings, prepared, seed=1)
    )


def _with_member(path: Path, name: str, content: bytes) -> bytes:
    """Return the archive with another content of a member."""
    changed = io.BytesIO()
    with zipfile.ZipFile(path) as sound, zipfile.ZipFile(changed, "w") as archive:
        for member in sound.namelist():
            archive.writestr(member, content if member == name else sound.read(member))
    return changed.getvalue()


def test_damage_is_said_and_the_training_begins_again(tmp_path: Path) -> None:
    settings = make_settings()
    prepared = ready(settings)
    path = tmp_path / "checkpoint.npz"
    run(settings, prepared, report=Reports(stop=2), checkpoint=path)
    sound = path.read_bytes()
    whole = run(settings, prepared)
    directory = sound.index(b"PK\x01\x02")  # of the archive; its byte 10 is the compression
    # The numbers of the last member before the directory, P or the schedules, are among these.
    damaged = {
        "empty": b"",
        "text": b"no checkpoint",
        "short": sound[: len(sound) // 2],
        "without its end": sound[:-1],
        "another number": sound[: directory - 40] + b"\x01\x02" + sound[directory - 38 :],
        "header": sound.replace(b"NUMPY", b"NUMPI", 1),
        "not compressed": sound[: directory + 10] + b"\x08" + sound[directory + 11 :],
        "unknown compression": sound[: directory + 10] + b"\x63" + sound[directory + 11 :],
        "another name": sound.replace(b"schedules.npy", b"xchedules.npy", 1),
        "no array": _with_member(path, "schedules.npy", b"neither"),
    }
    for content in damaged.values():
        assert content != sound
        path.write_bytes(content)
        reports = Reports()
        with pytest.warns(
            UserWarning, match=r"is damaged \(.{1,200}\): this training begins again"
        ):
            again = run(settings, prepared, report=reports, checkpoint=path)
        assert reports.seen == list(range(1, EPOCHS + 1))
        assert is_same(again, whole)


def test_any_changed_byte_is_found_or_does_no_harm(tmp_path: Path) -> None:
    settings = make_settings(epochs=2)
    prepared = ready(settings)
    path = tmp_path / "checkpoint.npz"
    run(settings, prepared, report=Reports(stop=1), checkpoint=path)
    sound = path.read_bytes()
    whole = run(settings, prepared)
    generator = np.random.default_rng(1)
    for place in generator.integers(len(sound), size=60).tolist():
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert is_same(run(settings, prepared, checkpoint=path), whole)


def test_a_checkpoint_of_another_network_begins_again(tmp_path: Path) -> None:
    settings = make_settings()
    prepared = ready(settings)
    path = tmp_path / "checkpoint.npz"
    run(settings, prepared, report=Reports(stop=1), checkpoint=path)
    with np.load(path) as stored:
        content = dict(stored)
    np.savez(path, **content | {"P0": content["P0"][1:]})
    with pytest.warns(UserWarning, match="weights of another network"):
        run(settings, prepared, checkpoint=path)


@contextmanager
def files_no_larger_than(n_bytes: int) -> Iterator[None]:
    """Let the system refuse what a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_does_not_end_the_training(tmp_path: Path) -> None:
    settings = make_settings()
    prepared = ready(settings)
    path = tmp_path / "checkpoint.npz"
    whole = run(settings, prepared)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with files_no_larger_than(1000):
            trained = run(settings, prepared, checkpoint=path)
    assert is_same(trained, whole)
    (warning,) = said
    assert str(warning.message).startswith(f"{path} cannot be written: file too large; ")
    assert str(warning.message).endswith("; the training goes on, but its state is not kept")
    assert not list(tmp_path.iterdir())
    # When there is space again, an older state is still there.
    run(settings, prepared, report=Reports(stop=1), checkpoint=path)
    with pytest.warns(UserWarning, match="file too large"), files_no_larger_than(1000):
        run(settings, prepared, report=Reports(stop=3), checkpoint=path)
    reports = Reports()
    assert is_same(run(settings, prepared, report=reports, checkpoint=path), whole)
    assert reports.seen == [2, 3, 4]


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    settings = make_settings(epochs=1)
    leftover = tmp_path / ".checkpoint.npz.1a2b3c"
    leftover.write_bytes(b"half")
    run(settings, ready(settings), checkpoint=tmp_path / "checkpoint.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_slow_writing_is_rare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITING_SHARE", 0.05)
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    real = np.savez
    written: list[int] = []

    def savez(stream: Any, **arrays: Any) -> None:
        real(stream, **arrays)
        written.append(len(arrays["epochs"]) - 1)
        now[0] += 0.18

    monkeypatch.setattr(module.np, "savez", savez)

    def report(_: Epoch | Judged) -> bool:
        now[0] += 1.0
        return True

    settings = make_settings(epochs=12, updates_per_epoch=1)
    run(settings, ready(settings), report=report, checkpoint=tmp_path / "checkpoint.npz")
    # 0.18 s are 5 % of 3.6 s: four epochs of a second lie between.  The last is always kept.
    assert written == [1, 5, 9, 12]
