"""The machines of a search: this one, or a Ray cluster.  Loads Ray when a trial is to run."""

from __future__ import annotations

from contextlib import ExitStack


class Machines:
    """Where all stages of a search run; used with ``with``.

    Ray takes seconds to start: it is begun when a stage first has something to run, stays for the
    stages after it, and ends with the search.  Where this process is connected to Ray already,
    that is used and stays.

    Parameters
    ----------
    address
        Of a running Ray cluster, on one of its machines: ``auto`` or HOST:PORT; None: this machine
        alone.
    """

    def __init__(self, address: str | None = None) -> None:
        self.address = address
        self._stack = ExitStack()
        self._connected = False

    @property
    def alone(self) -> bool:
        """Whether all trials run on this machine, in processes of this one."""
        return self._connected and self.address is None

    def connect(self) -> None:
        """Start Ray or join the cluster, unless that was done before.

        Raises
        ------
        SearchError
            If Ray cannot be started, or the cluster cannot be joined.
        """
        from autune.search.running import cluster

        if not cluster.is_connected():
            self._stack.enter_context(cluster.connected(self.address))
            self._connected = True

    def __enter__(self) -> Machines:
        return self

    def __exit__(self, *_: object) -> None:
        self._connected = False
        self._stack.close()
