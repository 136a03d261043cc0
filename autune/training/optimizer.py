"""The extended Kalman filter with its schedules, for all weights or element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise

import numpy as np

from autune.errors import TrainingDiverged
from autune.kernels.kalman import AnyFloatArray, Covariance
from autune.kernels.network import Networks
from autune.kernels.neurons import Layer, NeuronCovariance
from autune.settings import KalmanSettings
from autune.structures import FloatArray
from autune.training.parallel import Communicator


def divide_weights(networks: Networks, per_element: bool) -> list[tuple[slice, list[Layer]]]:
    """Return weights and layers of each filter: those of an element, or all."""
    first = networks.first_weight.tolist()
    layers = [list(pairwise(sizes)) for sizes in networks.sizes.tolist()]
    if per_element:
        return [(slice(*ends), own) for ends, own in zip(pairwise(first), layers, strict=True)]
    return [(slice(0, first[-1]), list(chain.from_iterable(layers)))]


@dataclass
class KalmanFilter:
    """State of one filter; the order of operations is n2p2's (N2P2 8.5).

    Parameters
    ----------
    covariance
        Of the weights.
    q
        Process noise of the next update.
    eta
        Learning rate of the last update (standard filter).
    forgetting
        lambda of the next update (fading memory filter).
    settings
        Schedules.
    updates_per_epoch
        Decays are given per epoch.
    """

    covariance: Covariance | NeuronCovariance
    q: float
    eta: float
    forgetting: float
    settings: KalmanSettings
    updates_per_epoch: int

    @classmethod
    def start(
        cls,
        layers: Sequence[Layer],
        settings: KalmanSettings,
        communicator: Communicator,
        updates_per_epoch: int,
    ) -> KalmanFilter:
        """Return the filter of the weights of some layers before the first update."""
        ends = list(accumulate(((n_in + 1) * n_out for n_in, n_out in layers), initial=0))
        covariance: Covariance | NeuronCovariance
        if settings.decoupling == "neuron":
            covariance = NeuronCovariance(layers, settings.epsilon)
        else:
            covariance = Covariance(
                ends[-1],
                settings.epsilon,
                list(pairwise(ends)) if settings.decoupling == "layer" else None,
                settings.precision == "single",
                communicator.rank,
                communicator.size,
                communicator.add,
            )
        start = (settings.q0, settings.eta, settings.lambda_)
        return cls(covariance, *start, settings, updates_per_epoch)

    def update(self, H: FloatArray, xi: FloatArray) -> FloatArray:
        """Digest observations; return the change of the weights.

        Parameters
        ----------
        H
            Derivatives of the observables, shape (n_weights, m), Fortran order.
        xi
            Errors, shape (m,).

        Raises
        ------
        TrainingDiverged
            If the filter has lost its numbers.
        """
        settings, updates_per_epoch = self.settings, self.updates_per_epoch
        if settings.kind == "standard":
            if self.eta < settings.etamax:
                self.eta *= math.exp(settings.etatau / updates_per_epoch)
            r, forget = 1.0 / self.eta, 1.0
        else:
            r, forget = self.forgetting, self.forgetting
        try:
            dw = self.covariance.update(H, xi, r, self.q, forget)
        except FloatingPointError as error:
            raise TrainingDiverged(f"the Kalman filter broke down: {error}") from None
        if not np.isfinite(dw @ dw):
            raise TrainingDiverged("the weights are not finite any more")
        if self.q > settings.qmin:
            self.q *= math.exp(-settings.qtau / updates_per_epoch)
        if settings.kind == "fading":
            self.forgetting = settings.nue * self.forgetting + 1.0 - settings.nue
        return dw

    def settle(self) -> None:
        """Bring the covariance up to date, so that what follows depends on it alone."""
        self.covariance.settle()

    @property
    def packed(self) -> AnyFloatArray:
        """The covariance, shape (n_packed,)."""
        return self.covariance.packed

    @packed.setter
    def packed(self, state: AnyFloatArray) -> None:
        self.covariance.packed = state

    @property
    def n_packed(self) -> int:
        """Numbers of a packed covariance."""
        return self.covariance.n_packed

    @property
    def schedule(self) -> list[float]:
        """What changes from update to update beside the covariance."""
        return [self.q, self.eta, self.forgetting]

    @schedule.setter
    def schedule(self, state: list[float]) -> None:
        self.q, self.eta, self.forgetting = state
