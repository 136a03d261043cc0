"""Searches as jobs of a running Ray cluster.  The second door of Ray: its client for jobs.

The cluster runs ``autune search`` on its head; this machine sends the settings with the files
that they name, asks how it goes, and may be switched off in between.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shlex
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from autune.errors import SearchError
from autune.log import mask_credentials
from autune.search import checks
from autune.search.upload import SETTINGS, gather
from autune.settings import read_yaml
from autune.space import SearchSpace

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

ADDRESS = "http://HEAD:8265"
ADDRESS_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
TOKEN = "~/.ray/auth_token"
PATIENCE = 5.0
"""Seconds in which a cluster has to answer first."""

STOP_PATIENCE = 300
"""Seconds between SIGTERM and SIGKILL: workers write their files, MLflow the last trials."""

_TALKATIVE = ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")
"""Loggers of Ray that write what they send."""

ENDED = ("succeeded", "failed", "stopped")
_OF_RAY = "Running entrypoint for job "
_SEARCH = "autune_search"
"""Metadata of a job: the name of its search."""


@dataclass(frozen=True)
class Job:
    """A search on a cluster, submitted once.

    Parameters
    ----------
    name
        Name of the job.
    search
        Name of the search; that of several jobs, if it was resumed.
    state
        pending, running, succeeded, failed or stopped.
    started, finished
        Seconds since 1970; None where it has not.
    message
        Why it failed, in one line.
    """

    name: str
    search: str
    state: str
    started: float | None
    finished: float | None
    message: str

    @property
    def ended(self) -> bool:
        """Whether nothing will happen any more."""
        return self.state in ENDED


def submit(
    settings: str | Path,
    address: str | None = None,
    name: str | None = None,
    results: str = "~/results",
    resume: bool = False,
) -> Job:
    """Start a search on a cluster.

    Parameters
    ----------
    settings
        YAML file; it is sent with the files that it names.
    address
        Of the cluster's dashboard; default: ``RAY_API_SERVER_ADDRESS`` or ``RAY_ADDRESS``.
    name
        Name of the search; default: that of the settings.
    results
        Folder of all searches on the cluster: absolute, or below ``~``.
    resume
        Go on with a search that was stopped.

    Raises
    ------
    ConfigError, FormatError
        If the settings, or the files that they name, cannot be used.
    SearchError
        If the cluster does not answer, or runs this search already.
    """
    raw = read_yaml(settings)
    if name is not None:
        raw["name"] = name
    space = SearchSpace.from_mapping(raw)
    example = space.example()
    checks.check_space(space, example)
    checks.check_objectives(example)
    if not results.startswith(("/", "~/")) or "\0" in results:
        raise SearchError(
            f"--results is a folder on the cluster, absolute or below ~/ there; found {results}"
        )
    upload = gather(raw)
    with _connected(address) as client:
        for job in _jobs(client):
            if job.search == example.name and not job.ended:
                raise SearchError(
                    f"the search {job.search} is {job.state} as the job {job.name}; stop it with "
                    f"autune stop {job.name}, or give another --name"
                )
        job_name = f"{example.name}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        with tempfile.TemporaryDirectory(prefix="autune-") as folder:
            upload.write(Path(folder))
            client.submit_job(
                entrypoint=_command(example.name, results, resume),
                submission_id=job_name,
                metadata={_SEARCH: example.name},
                runtime_env={
                    "working_dir": folder,
                    "env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_PATIENCE)},
                },
            )
        return _job(client.get_job_info(job_name))


def _command(name: str, results: str, resume: bool) -> str:
    """Write the line that the cluster's shell runs; it knows what ``~`` is there."""
    home = "~/" if results.startswith("~/") else ""
    results = home + shlex.quote(results.removeprefix("~/"))
    end = " --resume" if resume else ""
    # exec: signals go to autune, not to a shell.
    return f"exec autune search {SETTINGS} --name {name} --results {results} --address auto{end}"


def list_jobs(address: str | None = None) -> list[Job]:
    """List the searches that were submitted to a cluster, the latest first."""
    with _connected(address) as client:
        return _jobs(client)


def find_job(name: str, address: str | None = None) -> Job:
    """Find a job by its name, or the latest one of a search."""
    with _connected(address) as client:
        return _find(client, name)


def read_log(name: str, address: str | None = None) -> list[str]:
    """Read the lines that a job has printed so far."""
    with _connected(address) as client:
        text: str = client.get_job_logs(_find(client, name).name)
        return mask_credentials(text).splitlines()


def said(lines: Iterable[str]) -> list[str]:
    """Leave out empty lines, and Ray's own, which may stand behind those of the search."""
    return [line.strip() for line in lines if line.strip() and not line.startswith(_OF_RAY)]


def follow_log(name: str, address: str | None = None) -> Iterator[str]:
    """Read the lines of a job as it prints them, until it ends."""
    with _connected(address) as client, asyncio.Runner() as runner:
        chunks = aiter(client.tail_job_logs(_find(client, name).name))
        rest = ""
        while (chunk := runner.run(_next(chunks))) is not None:
            *lines, rest = (rest + chunk).split("\n")
            yield from map(mask_credentials, lines)
        if rest:
            yield mask_credentials(rest)


async def _next(chunks: Any) -> str | None:
    return await anext(chunks, None)


def stop(name: str, address: str | None = None) -> Job:
    """Stop a job as Ctrl-C would, and wait for its end; what it has done stays.

    Returns
    -------
    Job
        As it ended, also if that was before.
    """
    with _connected(address) as client:
        job = _find(client, name)
        if not job.ended:
            client.stop_job(job.name)
        until = time.monotonic() + STOP_PATIENCE + 30
        while not job.ended and time.monotonic() < until:
            time.sleep(0.5)
            job = _job(client.get_job_info(job.name))
        return job


def _find(client: JobSubmissionClient, name: str) -> Job:
    jobs = _jobs(client)
    for job in jobs:
        if name in (job.name, job.search):
            return job
    known = ", ".join(job.name for job in jobs[:5]) or "none yet; start one with autune submit"
    raise SearchError(f"no job {name} on this cluster; there are: {known}")


def _jobs(client: JobSubmissionClient) -> list[Job]:
    jobs = [
        _job(d) for d in client.list_jobs() if d.submission_id and _SEARCH in (d.metadata or {})
    ]
    return sorted(jobs, key=lambda job: (job.started or 0.0, job.name), reverse=True)


def _job(details: Any) -> Job:
    state = details.status.value.lower()
    lines = said((details.message or "").splitlines())
    return Job(
        name=details.submission_id,
        search=details.metadata[_SEARCH],
        state=state,
        started=details.start_time and details.start_time / 1000,
        finished=details.end_time and details.end_time / 1000,
        message=mask_credentials(lines[-1]) if state == "failed" and lines else "",
    )


@contextmanager
def _connected(given: str | None) -> Iterator[JobSubmissionClient]:
    """Open the client of a cluster, whose errors become ours.

    Raises
    ------
    SearchError
        If the address is none, the cluster does not answer, or the client is not installed.
    """
    address = _check_address(given)
    said = mask_credentials(address)
    try:
        import aiohttp
        from ray.exceptions import AuthenticationError
        from ray.job_submission import JobSubmissionClient

        # Not their handlers, which other loggers may share.
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)
    except ImportError:
        raise SearchError(
            "jobs on a cluster need ray[default]; install it with pip install 'autune[cluster]'"
        ) from None
    headers = {"Authorization": f"Bearer {_token()}"} if _asks_for_token(address, said) else None
    try:
        with _variable(ADDRESS_VARIABLES[0], address):
            client = JobSubmissionClient(address, headers=headers)
        yield client
    except AuthenticationError:
        raise SearchError(
            f"{said} asks for the token of the cluster; copy {TOKEN} of its head to {TOKEN} here, "
            "or put it into RAY_AUTH_TOKEN"
        ) from None
    except (RuntimeError, OSError, aiohttp.ClientError) as error:
        reason = mask_credentials(" ".join(str(error).split()))[:300]
        raise SearchError(
            f"{said}: {reason or type(error).__name__}; jobs that run there go on"
        ) from None


def _check_address(given: str | None) -> str:
    from_environment = (os.environ.get(name) for name in ADDRESS_VARIABLES)
    address = given or next(filter(None, from_environment), "")
    try:
        parts = urlsplit(address)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number
        fine = False
    if not fine:
        found = f"found {mask_credentials(address)}" if address else "none is given"
        raise SearchError(
            f"--address is that of the cluster's dashboard, such as {ADDRESS}, or "
            f"{ADDRESS_VARIABLES[0]} holds it; {found}"
        )
    return address.rstrip("/")


def _asks_for_token(address: str, said: str) -> bool:
    """See within seconds whether Ray is there, for which its client would wait for minutes.

    Raises
    ------
    SearchError
        If it is not.
    """
    parts = urlsplit(address)
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    advice = "is the cluster up, and its port 8265 open or tunnelled?"
    try:
        with urllib.request.urlopen(f"{place}/api/version", timeout=PATIENCE) as answer:
            if "ray_version" in json.load(answer):
                return False
    except urllib.error.HTTPError as error:
        if error.code == 401:
            return "@" not in parts.netloc  # else a proxy asks for the user of the address
    except OSError as error:
        reason = str(getattr(error, "reason", error))
        raise SearchError(f"no answer from {said} ({reason}); {advice}") from None
    except (ValueError, TypeError, HTTPException):
        pass
    raise SearchError(f"what answers at {said} is not Ray's dashboard; {advice}")


def _token() -> str:
    """Find the token of the cluster where Ray looks for it; what cannot be one is none.

    A header with a line end in it would be refused with words that show the token.
    """
    token = os.environ.get("RAY_AUTH_TOKEN", "")
    if not token:
        with suppress(OSError, UnicodeDecodeError):
            path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or TOKEN).expanduser()
            token = path.read_text(encoding="ascii")
    token = token.strip()
    return token if token.isascii() and token.isprintable() else ""


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for a while: Ray's client prefers it to what it is given."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
