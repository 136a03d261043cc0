"""Training settings as keywords of n2p2, so that nnp-train can go on with an exported potential."""

from __future__ import annotations

import math

from autune.settings import AdamSettings, TrainingSettings

SELECTION_MODES = {"random": 0, "sorted": 1, "threshold": 2}
JACOBIAN_MODES = {"sum": 0, "task": 1, "full": 2}


def training_keywords(
    settings: TrainingSettings, n_energies: int, n_forces: int, test_fraction: float
) -> dict[str, list[str]]:
    """Return the keywords of nnp-train for a training on so many energies and force components.

    n2p2 weighs forces alone.  Energies of weight c are energies of weight 1 with forces of weight
    1/c, where the filter has c^2 P in place of P and so c^2 q in place of q; Adam, whose gradient
    is smaller by c^2, has epsilon / c^2.  n2p2 knows no updates of stresses.
    """
    s, i = settings, settings.initialization
    force_updates = s.n_force_updates
    energy_updates = s.updates_per_epoch - force_updates - s.n_stress_updates
    values: dict[str, str | int | float] = {
        "epochs": s.epochs,
        "random_seed": s.seed,
        "test_fraction": test_fraction,
        "updater_type": int(s.optimizer == "kalman"),
        "parallel_mode": 0,
        # The only one of its gradient descent.
        "jacobian_mode": JACOBIAN_MODES["sum" if s.optimizer == "adam" else s.multistream],
        "update_strategy": int(s.per_element),
        "selection_mode": SELECTION_MODES[s.selection.mode],
        "short_energy_error_threshold": s.selection.energy_threshold,
        "short_force_error_threshold": s.selection.force_threshold,
        "rmse_threshold_trials": s.selection.trials,
        "task_batch_size_energy": s.streams,
        "task_batch_size_force": s.streams,
        "short_energy_fraction": _fraction(energy_updates * s.streams, n_energies),
        "short_force_fraction": _fraction(force_updates * s.streams, n_forces),
        "force_weight": s.force_weight / s.energy_weight,
        "weights_min": i.weights_min,
        "weights_max": i.weights_max,
        "write_weights_epoch": 1,
    }
    scale = s.energy_weight**2
    values |= adam_keywords(s.adam, scale) if s.optimizer == "adam" else kalman_keywords(s, scale)
    switches = ["use_short_forces", "use_old_weights_short", "memorize_symfunc_results"]
    if i.method == "nguyen_widrow":
        switches.append("nguyen_widrow_weights_short")
    return {name: [str(value)] for name, value in values.items()} | {name: [] for name in switches}


def _fraction(part: int, whole: int) -> float:
    """Return a fraction of which n2p2, which rounds down, makes the part again (N2P2 8.2)."""
    fraction = part / whole
    return fraction if whole * fraction >= part else math.nextafter(fraction, math.inf)


def kalman_keywords(settings: TrainingSettings, scale: float) -> dict[str, str | int | float]:
    """Return the keywords of the Kalman filter with `scale` times the covariance."""
    k = settings.kalman
    values: dict[str, str | int | float] = {
        "kalman_type": int(k.kind == "fading"),
        "kalman_epsilon": k.epsilon / scale,
        "kalman_q0": k.q0 * scale,
        "kalman_qtau": k.qtau,
        "kalman_qmin": k.qmin * scale,
    }
    if k.kind == "standard":
        return values | {"kalman_eta": k.eta, "kalman_etatau": k.etatau, "kalman_etamax": k.etamax}
    return values | {"kalman_lambda_short": k.lambda_, "kalman_nue_short": k.nue}


def adam_keywords(adam: AdamSettings, scale: float) -> dict[str, str | int | float]:
    """Return the keywords of Adam whose gradient is smaller by `scale`."""
    return {
        "gradient_type": 1,
        "gradient_adam_eta": adam.eta,
        "gradient_adam_beta1": adam.beta1,
        "gradient_adam_beta2": adam.beta2,
        "gradient_adam_epsilon": adam.epsilon / scale,
    }
