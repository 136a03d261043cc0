"""Training settings as keywords of n2p2, so that nnp-train can go on with an exported potential."""

from __future__ import annotations

from autune.settings import TrainingSettings

SELECTION_MODES = {"random": 0, "sorted": 1, "threshold": 2}
JACOBIAN_MODES = {"sum": 0, "task": 1, "full": 2}


def training_keywords(
    settings: TrainingSettings, n_energies: int, n_forces: int, test_fraction: float
) -> dict[str, list[str]]:
    """Return the keywords of nnp-train for a training on so many energies and force components."""
    s, k, i = settings, settings.kalman, settings.initialization
    force_updates = s.n_force_updates
    energy_updates = s.updates_per_epoch - force_updates - s.n_stress_updates
    values: dict[str, str | int | float] = {
        "epochs": s.epochs,
        "random_seed": s.seed,
        "test_fraction": test_fraction,
        "updater_type": 1,
        "parallel_mode": 0,
        "jacobian_mode": JACOBIAN_MODES[s.multistream],
        "update_strategy": int(k.per_element),
        "selection_mode": SELECTION_MODES[s.selection.mode],
        "short_energy_error_threshold": s.selection.energy_threshold,
        "short_force_error_threshold": s.selection.force_threshold,
        "rmse_threshold_trials": s.selection.trials,
        "task_batch_size_energy": s.streams,
        "task_batch_size_force": s.streams,
        "short_energy_fraction": energy_updates * s.streams / n_energies,
        "short_force_fraction": force_updates * s.streams / n_forces,
        "force_weight": s.force_weight,
        "weights_min": i.weights_min,
        "weights_max": i.weights_max,
        "kalman_type": int(k.kind == "fading"),
        "kalman_epsilon": k.epsilon,
        "kalman_q0": k.q0,
        "kalman_qtau": k.qtau,
        "kalman_qmin": k.qmin,
        "write_weights_epoch": 1,
    }
    if k.kind == "standard":
        values |= {"kalman_eta": k.eta, "kalman_etatau": k.etatau, "kalman_etamax": k.etamax}
    else:
        values |= {"kalman_lambda_short": k.lambda_, "kalman_nue_short": k.nue}
    switches = ["use_short_forces", "use_old_weights_short", "memorize_symfunc_results"]
    if i.method == "nguyen_widrow":
        switches.append("nguyen_widrow_weights_short")
    return {name: [str(value)] for name, value in values.items()} | {name: [] for name in switches}
