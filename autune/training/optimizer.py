"""The extended Kalman filter with its schedules, for all weights or element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from autune.errors import TrainingDiverged
from autune.kernels.kalman import Block, Covariance
from autune.kernels.network import Networks
from autune.settings import KalmanSettings
from autune.structures import FloatArray
from autune.training.parallel import Communicator


def divide_weights(networks: Networks, per_element: bool) -> list[slice]:
    """Return the weights of each filter: those of an element, or all."""
    first = networks.first_weight.tolist()
    return [slice(*ends) for ends in pairwise(first)] if per_element else [slice(0, first[-1])]


def find_blocks(networks: Networks, weights: slice, by_layer: bool) -> list[Block]:
    """Return the ranges of weights, counted from the first of a filter, that are correlated."""
    if not by_layer:
        return [(0, weights.stop - weights.start)]
    lengths = [
        (n_in + 1) * n_out for sizes in networks.sizes.tolist() for n_in, n_out in pairwise(sizes)
    ]
    blocks = pairwise(accumulate(lengths, initial=0))
    return [
        (begin - weights.start, end - weights.start)
        for begin, end in blocks
        if weights.start <= begin and end <= weights.stop
    ]


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
    """

    covariance: Covariance
    q: float
    eta: float
    forgetting: float

    @classmethod
    def start(
        cls,
        blocks: Sequence[Block],
        settings: KalmanSettings,
        communicator: Communicator,
    ) -> KalmanFilter:
        """Return the filter before the first update; ranks share its covariance."""
        covariance = Covariance(
            blocks[-1][1],
            settings.epsilon,
            blocks,
            settings.precision == "single",
            communicator.rank,
            communicator.size,
            communicator.add,
        )
        return cls(covariance, settings.q0, settings.eta, settings.lambda_)

    def update(
        self, H: FloatArray, xi: FloatArray, settings: KalmanSettings, updates_per_epoch: int
    ) -> FloatArray:
        """Digest observations; return the change of the weights.

        Parameters
        ----------
        H
            Derivatives of the observables, shape (n_weights, m), Fortran order.
        xi
            Errors, shape (m,).
        settings
            Schedules.
        updates_per_epoch
            Decays are given per epoch.

        Raises
        ------
        TrainingDiverged
            If the filter has lost its numbers.
        """
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
