"""Loaded by every Python process of a search under test.

Says which epochs are trained, and where.  Kills its own process before it writes a file, where it
was told to: so every moment between two writes has its turn, however short it is.  Python imports
this module when it starts, since its folder is the first of PYTHONPATH.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import json
import os
import signal
import sys
import time
from importlib.abc import MetaPathFinder

LOG = os.environ.get("AUTUNE_FAULTS_EPOCHS")
HOME = "autune.trial.run"
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}


def say(what, directory, **more):
    line = {"time": time.time(), "pid": os.getpid(), "what": what, "directory": str(directory)}
    # One write of a short line: processes that append do not cut each other's.
    handle = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, (json.dumps(line | more) + "\n").encode())
    finally:
        os.close(handle)


def watched(run_trial):
    """Tell the log when a trial begins and ends, and every epoch."""
    signature = inspect.signature(run_trial)

    @functools.wraps(run_trial)
    def run(*args, **options):
        call = signature.bind(*args, **options)
        call.apply_defaults()
        directory, report = call.arguments["directory"], call.arguments["report"]

        def tell(epoch):
            if hasattr(epoch, "number"):
                say("epoch", directory, seed=epoch.seed, number=epoch.number)
            return report(epoch)

        call.arguments["report"] = tell
        say("begin", directory)
        if (trap := os.environ.pop("AUTUNE_FAULTS_WORKER_DIES", "")) and first(trap):
            die_at(int(trap.partition(":")[0]), str(directory))
        try:
            return run_trial(*call.args, **call.kwargs)
        finally:
            say("end", directory)

    return run


def first(trap):
    """Return whether no other process was here before."""
    try:
        os.close(os.open(f"{LOG}.{trap.partition(':')[2]}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def die_at(number, folder):
    """Die before the write of that number below a folder."""
    left = number

    def hear(event, arguments):
        nonlocal left
        opens = event == "open" and isinstance(arguments[2], int)
        if not (event in WRITES or (opens and arguments[2] & (os.O_WRONLY | os.O_RDWR))):
            return
        words = [str(word) for word in arguments[:2] if isinstance(word, str | os.PathLike)]
        paths = [word for word in words if word.startswith("/")]
        if any(path.startswith(folder) for path in paths):
            left -= 1
            if left == 0:
                say("trap", " ".join((event, *paths)))
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)


def set_trap():
    """Take the trap that is meant for this process, if there is one."""
    # Only the first process, the driver: its children do not inherit it.
    if trap := os.environ.pop("AUTUNE_FAULTS_DRIVER_DIES", ""):
        number, _, folder = trap.partition(":")
        die_at(int(number), folder)


class _Finder(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != HOME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            module.run_trial = watched(module.run_trial)

        spec.loader.exec_module = exec_module
        return spec


if LOG:
    set_trap()
    sys.meta_path.insert(0, _Finder())
