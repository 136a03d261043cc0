"""The script that a RayJob runs, with a stand-in for autune that writes down its call."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

PATH = Path(__file__).parents[2] / "cluster" / "kubernetes" / "rayjob.yaml"
DOCUMENTS = {document["kind"]: document for document in yaml.safe_load_all(PATH.read_text())}


@pytest.fixture
def run(tmp_path):
    """Run the script with its folders below another root, and return the call it made."""
    script = DOCUMENTS["ConfigMap"]["data"]["start.sh"]
    (tmp_path / "start.sh").write_text(script.replace("/results", f"{tmp_path}/results"))
    autune = tmp_path / "autune"
    autune.write_text('#!/bin/sh\nmkdir -p "$6/$4"; touch "$6/$4/search.id"; echo "$$ $*"\n')
    autune.chmod(0o700)

    def run(*arguments: str) -> tuple[int, str]:
        process = subprocess.Popen(
            ["/bin/sh", tmp_path / "start.sh", *arguments],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        number, call = output.strip().split(" ", 1)
        assert int(number) == process.pid  # so that a signal to the job reaches the search
        return call

    return run


def test_a_search_goes_on_when_the_job_is_made_again(run, tmp_path):
    call = f"search /settings/settings.yaml --name gold --results {tmp_path}/results --address auto"
    assert run("gold") == call
    assert run("gold") == f"{call} --resume"
    assert run("copper") == call.replace("gold", "copper")


def test_the_job_is_known_by_the_name_of_its_search():
    spec = DOCUMENTS["RayJob"]["spec"]
    *_, name = spec["entrypoint"].split()
    assert spec["metadata"] == {"autune_search": name}
    (head,) = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in head["volumeMounts"]}
    assert spec["entrypoint"] == f"sh {mounts['start']}/start.sh {name}"


def test_a_stopped_search_has_time_to_write():
    spec = DOCUMENTS["RayJob"]["spec"]
    patience = yaml.safe_load(spec["runtimeEnvYAML"])["env_vars"]["RAY_JOB_STOP_WAIT_TIME_S"]
    pod = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= int(patience)
