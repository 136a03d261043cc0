"""MLflow shows what the study says, every trial once."""

from __future__ import annotations

import math
from collections.abc import Iterator

from autune.search import Record, SearchFolder
from faults.checks import read_table

STATUS = {"complete": "FINISHED", "stopped": "KILLED", "diverged": "FAILED", "failed": "FAILED"}


def check_mlflow(folder: SearchFolder, uri: str) -> Iterator[str]:
    """Compare the runs of a finished search with its study.

    Parameters
    ----------
    folder
        Of the search.
    uri
        tracking.mlflow.
    """
    import mlflow

    address = f"sqlite:///{folder.database}" if uri == "default" else uri
    if uri == "default" and not folder.database.is_file():
        yield f"{folder.database} is missing"
        return
    client = mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
    experiment = client.get_experiment_by_name(folder.name)
    if experiment is None:
        yield f"{address} does not show {folder.name}"
        return
    runs = list(client.search_runs([experiment.experiment_id], max_results=1000))
    parents = [run for run in runs if "autune.trial" not in run.data.tags]
    if [run.info.status for run in parents] != ["FINISHED"]:
        yield f"{address}: parents {[(r.info.run_id, r.info.status) for r in parents]}"
    records = {str(record.number): record for record in folder.records()}
    if folder.confirmation.exists:
        records |= {f"c{record.number}": record for record in folder.confirmation.records()}
    for key, record in records.items():
        own = [run for run in runs if run.data.tags.get("autune.trial") == key]
        if len(own) != 1:
            yield f"{address}: {len(own)} runs of trial {key}"
            continue
        for wrong in compare(client, own[0], record):
            yield f"{address}: trial {key}: {wrong}"
    if len(runs) != len(parents) + len(records):
        yield f"{address}: {len(runs)} runs of {len(records)} trials"


def compare(client, run, record: Record) -> Iterator[str]:
    """Yield what a run has that its trial has not, and the reverse."""
    if run.info.status != STATUS[record.state]:
        yield f"is {run.info.status}, the study says {record.state}"
    shown = {name: run.data.params.get(name) for name in record.params}
    if shown != {name: str(value) for name, value in record.params.items()}:
        yield f"has the params {shown}, the study {record.params}"
    metrics = {n: v for n, v in record.metrics.items() if math.isfinite(v)}
    shown = {name: run.data.metrics.get(name) for name in metrics}
    if shown != metrics:
        yield f"has the metrics {shown}, the study {metrics}"
    if record.state != "complete":
        return
    rows = read_table(record.directory / "history.csv")
    for seed in {row["seed"] for row in rows}:
        own = [(int(r["number"]), float(r["score"])) for r in rows if r["seed"] == seed]
        logged = client.get_metric_history(run.info.run_id, f"seed_{seed}/score")
        if sorted((m.step, m.value) for m in logged) != sorted(own):
            yield f"has {len(logged)} epochs of training {seed}, its history {len(own)}"
