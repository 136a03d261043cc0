"""The Slurm script, with stand-ins for Slurm, Ray and autune that write down their calls."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "cluster" / "slurm.sh"
STAND_INS = {
    "ray": """
trap 'exit 0' TERM
for word; do
    case $word in --temp-dir=*) folder=${word#*=} ;; esac
done
if [ "$2" = --block ] && [ -e lame ]; then
    rm lame
    exit 1
fi
mkdir -p "$folder"
echo $$ >> rays
echo 10.0.0.1:4321 > "$folder/ray_current_cluster"
while :; do sleep 0.02; done
""",
    "srun": """
while [ "${1#--}" != "$1" ]; do shift; done
set -m
"$@" &
trap 'kill -KILL -- -$!' TERM  # Slurm ends all processes of a step
wait $!
""",
    "scontrol": "",
    "autune": """
if [ "$2" = waiting.yaml ]; then trap '' TERM; fi
if [ "$2" != short.yaml ]; then while :; do sleep 0.02; done; fi
until grep -q '^ray start --block' calls; do sleep 0.02; done
""",
}
BEGIN = """
trap 'echo ended >> calls; case $2 in mistaken*) exit 2;; ready*) exit 0;; esac; exit 130' TERM
mkdir -p "$6/$4"; touch "$6/$4/search.id"
"""


@pytest.fixture
def job(tmp_path):
    """A job of two nodes: its folder, and what starts it."""
    bin_folder = tmp_path / "environment" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "activate").write_text(f"PATH={bin_folder}:$PATH\n")
    for name, body in STAND_INS.items():
        begin = BEGIN if name == "autune" else ""
        call = f'echo "{name} $* token $RAY_AUTH_TOKEN" >> {tmp_path}/calls'
        script = f"#!/bin/bash\n{begin}{call}\n{body}"
        (bin_folder / name).write_text(script)
        (bin_folder / name).chmod(0o700)
    number = secrets.randbelow(10**9) + 10**9
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME")},
        "AUTUNE_VENV": str(bin_folder.parent),
        "SLURM_JOB_ID": str(number),
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "3",
    }
    started = []

    def start(settings: str) -> subprocess.Popen[bytes]:
        (tmp_path / "calls").write_text("")
        command = ["bash", SCRIPT, settings, "gold"]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield tmp_path, number, start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


def calls(folder: Path, name: str) -> list[str]:
    return [line for line in (folder / "calls").read_text().splitlines() if line.startswith(name)]


def wait_for_call(folder: Path, name: str) -> str:
    wait_until(lambda: calls(folder, name), folder)
    return calls(folder, name)[0]


def wait_until(met: Callable[[], object], folder: Path) -> None:
    until = time.monotonic() + 30
    while not met():
        assert time.monotonic() < until, (folder / "log").read_text()
        time.sleep(0.02)


def test_ray_runs_on_all_nodes_for_one_search(job):
    folder, number, start = job
    assert start("short.yaml").wait(30) == 0, (folder / "log").read_text()
    head, worker = calls(folder, "ray ")
    token = head.split("token ")[1]
    assert len(token) == 32
    assert token in worker
    assert f"--temp-dir=/tmp/autune-{number} " in head
    assert "--head" in head
    assert "--address=10.0.0.1:4321" in worker
    for call in (head, worker):
        assert "--num-cpus=3" in call
        assert "--min-worker-port=0 --max-worker-port=0 --dashboard-agent-listen-port=0" in call
        assert call.count(token) == 1  # in the environment alone, which others cannot read
    on_others, clean = calls(folder, "srun")
    assert "--relative=1 --nodes=1 --ntasks=1 --cpus-per-task=3 bash -c" in on_others
    assert " ray start --block --address=10.0.0.1:4321" in on_others
    assert f"--ntasks=2 rm -rf /tmp/autune-{number}" in clean
    (search,) = calls(folder, "autune")
    assert search.startswith(
        "autune search short.yaml --name gold --results results --address 10.0.0.1:4321 token"
    )
    assert calls(folder, "scontrol") == []
    assert not Path(f"/tmp/autune-{number}").exists()


def test_ray_of_another_node_is_started_again_where_it_ends(job):
    folder, _, start = job
    (folder / "lame").touch()  # the first start there fails
    process = start("long.yaml")
    wait_until(lambda: len(calls(folder, "ray start --block")) == 2, folder)
    process.terminate()
    assert process.wait(30) == 130
    assert len(calls(folder, "srun")) == 2  # one step for Ray, one to clean up


def test_a_search_is_interrupted_before_the_time_limit_and_goes_on(job):
    folder, number, start = job
    first = start("long.yaml")
    wait_for_call(folder, "autune")
    first.send_signal(signal.SIGUSR1)
    first.wait(30)
    names = [line.split()[0] for line in (folder / "calls").read_text().splitlines()]
    # The job may be queued again, which ends it, when all else is done.
    assert names[-3:] == ["ended", "srun", "scontrol"]
    assert calls(folder, "scontrol")[0].startswith(f"scontrol requeue {number}")
    again = start("long.yaml")
    assert "--resume" in wait_for_call(folder, "autune")
    again.terminate()  # scancel --batch --signal=TERM
    assert again.wait(30) == 130
    assert calls(folder, "ended")
    assert calls(folder, "scontrol") == []


def test_a_search_that_waits_for_a_ray_that_has_ended_is_ended(job):
    folder, number, start = job
    process = start("waiting.yaml")
    wait_for_call(folder, "autune")
    wait_for_call(folder, "ray start --block")
    head = int((folder / "rays").read_text().split()[0])
    os.kill(head, signal.SIGTERM)  # a plain scancel: Slurm signals all processes
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGKILL
    assert not Path(f"/tmp/autune-{number}").exists()
    assert calls(folder, "scontrol") == []


def test_another_node_is_cleaned_when_slurm_signals_all_its_processes(job):
    folder, number, start = job
    start("long.yaml")
    wait_until(lambda: len(calls(folder, "ray ")) == 2, folder)
    wait_until(lambda: (folder / "rays").read_text().count("\n") == 2, folder)
    ray = int((folder / "rays").read_text().split()[1])
    node = int(Path(f"/proc/{ray}/stat").read_text().split()[3])  # its parent, bash
    os.kill(node, signal.SIGTERM)
    os.kill(ray, signal.SIGTERM)
    wait_until(lambda: not Path(f"/tmp/autune-{number}").exists(), folder)


@pytest.mark.parametrize(("settings", "code"), [("mistaken.yaml", 2), ("ready.yaml", 0)])
def test_what_has_ended_by_itself_is_not_repeated(job, settings, code):
    folder, _, start = job
    process = start(settings)
    wait_for_call(folder, "autune")
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == code
    assert calls(folder, "scontrol") == []


def test_the_job_asks_for_what_the_script_needs():
    lines = SCRIPT.read_text().splitlines()
    asked = {line.removeprefix("#SBATCH --").split("=")[0] for line in lines if "#SBATCH" in line}
    assert {"signal", "requeue", "open-mode", "ntasks-per-node", "cpus-per-task"} <= asked
    assert any(line.startswith("#SBATCH --signal=B:USR1@") for line in lines)
