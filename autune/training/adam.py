"""Adam: gradient descent with steps that the gradients' own size scales."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autune.errors import TrainingDiverged
from autune.kernels.kalman import AnyFloatArray
from autune.settings import AdamSettings
from autune.structures import FloatArray


@dataclass
class Adam:
    """State of Adam (Kingma, Ba, ICLR 2015, arXiv:1412.6980, Algorithm 1).

    The gradient is that of half the sum of squared errors of an update, g = -H xi, not of their
    mean, as in n2p2 (N2P2 8.5); steps hardly depend on that.  Corrections of the bias are part of
    the step, in the order of operations at the end of section 2 of the paper, so that epsilon is
    its epsilon-hat.

    Parameters
    ----------
    settings
        Learning rate and decays.
    mean, square
        Decaying means of the gradient and of its square, shape (n_weights,).
    updates
        Number of updates so far.
    """

    settings: AdamSettings
    mean: FloatArray
    square: FloatArray
    updates: int = 0

    @classmethod
    def start(cls, n_weights: int, settings: AdamSettings) -> Adam:
        """Return the state before the first update."""
        return cls(settings, np.zeros(n_weights), np.zeros(n_weights))

    def update(self, H: FloatArray, xi: FloatArray) -> FloatArray:
        """Digest observations, as `autune.training.optimizer.KalmanFilter.update` does."""
        s = self.settings
        self.updates += 1
        step = s.eta * math.sqrt(1.0 - s.beta2**self.updates) / (1.0 - s.beta1**self.updates)
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = -(H @ xi)
            self.mean = s.beta1 * self.mean + (1.0 - s.beta1) * gradient
            self.square = s.beta2 * self.square + (1.0 - s.beta2) * gradient**2
            dw: FloatArray = -step * self.mean / (np.sqrt(self.square) + s.epsilon)
        # With an infinite gradient the mean square is infinite, too, and steps are 0 or no numbers.
        if not (np.isfinite(dw).all() and np.isfinite(self.square).all()):
            raise TrainingDiverged("the weights are not finite any more")
        return dw

    def settle(self) -> None:
        """Do nothing: the state is always up to date."""

    @property
    def packed(self) -> AnyFloatArray:
        """Both means, one after the other, shape (n_packed,)."""
        return np.concatenate([self.mean, self.square])

    @packed.setter
    def packed(self, state: AnyFloatArray) -> None:
        self.mean, self.square = state.astype(np.float64).reshape(2, -1)

    @property
    def n_packed(self) -> int:
        """Numbers of a packed state."""
        return 2 * len(self.mean)

    @property
    def schedule(self) -> list[float]:
        """What changes from update to update beside the means."""
        return [float(self.updates)]

    @schedule.setter
    def schedule(self, state: list[float]) -> None:
        self.updates = int(state[0])
