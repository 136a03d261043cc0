"""What the files of cluster/ say of versions, and of each other, is so."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
MANIFESTS = sorted(CLUSTER.rglob("*.yaml"))
KUBERNETES = sorted((CLUSTER / "kubernetes").glob("*.yaml"))
DOCKERFILE = (CLUSTER / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
IMAGE = f"autune:{PROJECT['version']}"
LOOPBACK = "127.0.0.1"


def documents(*paths: Path) -> list[Any]:
    return [document for path in paths for document in yaml.safe_load_all(path.read_text())]


def find(tree: Any, key: str) -> Iterator[Any]:
    """Yield the value of every key of this name, however deep."""
    if isinstance(tree, dict):
        if key in tree:
            yield tree[key]
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from find(branch, key)


def pods(tree: Any) -> Iterator[dict[str, Any]]:
    return (template["spec"] for template in find(tree, "template"))


def named(kind: str) -> set[str]:
    """Name the objects of a kind that the manifests make, or a command in their comments."""
    made = {doc["metadata"]["name"] for doc in documents(*KUBERNETES) if doc["kind"] == kind}
    words = {"ConfigMap": "configmap", "Secret": "secret generic"}.get(kind)
    text = "".join(path.read_text() for path in KUBERNETES)
    return made | set(re.findall(rf"# +kubectl create {words} (\S+)", text))


COMPOSE = documents(CLUSTER / "compose.yaml")[0]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_file_holds_plain_data(path):
    assert all(isinstance(document, dict) for document in documents(path))


def test_versions_are_those_of_the_project():
    versions = set(find(documents(*KUBERNETES), "rayVersion"))
    assert versions == {PINS["ray"]}
    images = set(find(documents(*KUBERNETES), "image")) | set(find(COMPOSE, "image"))
    postgres = {image for image in images if image.startswith("postgres:")}
    assert images - postgres == {IMAGE}
    assert len(postgres) == 1
    assert f"-t {IMAGE} " in DOCKERFILE
    assert re.search(r"^FROM python:(\S+)-slim$", DOCKERFILE, re.MULTILINE)[1] == "3.11"
    assert PROJECT["requires-python"] == ">=3.11"
    release = ".".join(PINS["ray"].split(".")[:2])
    for path in (*MANIFESTS, CLUSTER / "README.md"):
        assert set(re.findall(r"Ray (\d+\.\d+)", path.read_text())) <= {release}, path


def test_image_holds_what_it_runs():
    """Jobs need the dashboard, a study or MLflow in PostgreSQL its driver."""
    assert ".[cluster,postgres]" in DOCKERFILE
    assert {"cluster", "postgres"} <= set(PROJECT["optional-dependencies"])
    copied = re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name


def test_image_holds_autune_itself():
    """What is left of the empty module, which stands for autune at first, is newer than autune."""
    runs = re.findall(r"^RUN (?:\\\n|.)*", DOCKERFILE, re.MULTILINE)
    empty, whole = (run for run in runs if "pip install" in run)
    assert "touch autune/__init__.py" in empty
    assert whole.startswith("RUN rm -r build && ")


def test_readme_names_every_file():
    text = (CLUSTER / "README.md").read_text()
    for path in CLUSTER.rglob("*"):
        if path.is_file() and path.name != "README.md" and not path.name.startswith("."):
            assert path.name in text


def test_databases_are_made_before_postgres_is_ready():
    """Its image runs databases.sql with a server that listens on its socket alone."""
    (stateful,) = [doc for doc in documents(*KUBERNETES) if doc["kind"] == "StatefulSet"]
    (probe,) = find(list(find(stateful, "readinessProbe")), "command")
    assert ["CMD", *probe] == COMPOSE["services"]["postgres"]["healthcheck"]["test"]
    assert f"-h {LOOPBACK}" in " ".join(probe)


def test_compose_mounts_what_is_there():
    services = COMPOSE["services"]
    for volume in (
        volume for service in services.values() for volume in service.get("volumes", ())
    ):
        source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
        assert source in COMPOSE["volumes"] or (CLUSTER / source).exists(), volume
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        if build := service.get("build"):
            assert (CLUSTER / build["context"] / build["dockerfile"]).exists()
    text = (CLUSTER / "compose.yaml").read_text()
    told = re.findall(r"^(\w+)=", (CLUSTER / "env.example").read_text(), re.MULTILINE)
    assert set(re.findall(r"\$\{(\w+)", text)) == set(told)


def test_kubernetes_mounts_what_is_there():
    claims, maps, secrets = (
        named(kind) for kind in ("PersistentVolumeClaim", "ConfigMap", "Secret")
    )
    for document in documents(*KUBERNETES):
        made = {claim["metadata"]["name"] for claim in _claims(document)}
        for pod in pods(document):
            volumes = {volume["name"] for volume in pod.get("volumes", ())} | made
            mounts = {mount["name"] for group in find(pod, "volumeMounts") for mount in group}
            assert mounts == volumes
        assert {claim["claimName"] for claim in find(document, "persistentVolumeClaim")} <= claims
        assert {entry["name"] for entry in find(document, "configMap")} <= maps
        assert {entry["name"] for entry in find(document, "secretKeyRef")} <= secrets


def _claims(document: Any) -> Iterator[Any]:
    return (claim for group in find(document, "volumeClaimTemplates") for claim in group)


def test_kubernetes_services_have_pods():
    labels = [labels for document in documents(*KUBERNETES) for labels in find(document, "labels")]
    for document in documents(*KUBERNETES):
        if document["kind"] == "Service":
            assert document["spec"]["selector"] in labels
        if document["kind"] in {"StatefulSet", "Deployment"}:
            spec = document["spec"]
            assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]


def test_nothing_is_published_but_to_this_machine():
    for ports in find(COMPOSE, "ports"):
        assert all(port.startswith(f"{LOOPBACK}:") for port in ports)
    for document in documents(*KUBERNETES):
        if document["kind"] == "Service":
            assert document["spec"].get("type", "ClusterIP") == "ClusterIP"
        assert not list(find(document, "hostPort"))
        assert not list(find(document, "hostNetwork"))
        assert not list(find(document, "serviceType"))
    (launcher,) = documents(CLUSTER / "ray-cluster.yaml")
    head = " ".join(launcher["head_start_ray_commands"])
    assert f"--dashboard-host={LOOPBACK}" in head


def test_every_ray_asks_for_a_token():
    for document in documents(*KUBERNETES):
        if document["kind"].startswith("Ray"):
            assert list(find(document, "authOptions")) == [{"mode": "token"}]
    (launcher,) = documents(CLUSTER / "ray-cluster.yaml")
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        starts = [command for command in launcher[name] if "ray start" in command]
        assert all("RAY_AUTH_MODE=token ray start" in command for command in starts)
        assert starts


def test_ray_takes_the_file_of_its_launcher():
    jsonschema = pytest.importorskip("jsonschema", reason="comes with the extra cluster")
    schema = Path(find_spec("ray").origin).parent / "autoscaler" / "ray-schema.json"
    (launcher,) = documents(CLUSTER / "ray-cluster.yaml")
    jsonschema.validate(launcher, json.loads(schema.read_text()))
    assert launcher["provider"]["type"] == "local"


def test_compose_and_kubernetes_run_the_same_servers():
    server = COMPOSE["services"]["mlflow"]
    (deployment,) = [doc for doc in documents(*KUBERNETES) if doc["kind"] == "Deployment"]
    ((container,),) = find(deployment, "containers")
    assert container["command"] == server["command"]
    variables = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert {**server["environment"], "PGPASSWORD": None} == variables
    (databases,) = [
        doc["data"]["databases.sql"]
        for doc in documents(*KUBERNETES)
        if doc["metadata"]["name"] == "autune-databases"
    ]
    statements = re.sub(r"^--.*\n", "", (CLUSTER / "databases.sql").read_text(), flags=re.MULTILINE)
    assert databases == statements.strip()
