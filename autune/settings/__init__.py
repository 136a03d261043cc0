"""Every knob of autune, declared once: name, type, default, bounds, unit, one line of words.

The same file serves `train` (every leaf a value) and `search` (leaves may be distributions, see
`autune.space`).
"""

from __future__ import annotations

from autune.settings.assignments import (
    assign,
)
from autune.settings.compact import (
    CompactSettings,
)
from autune.settings.data import (
    DatasetSettings,
)
from autune.settings.energetics import (
    CurveSettings,
    NanoparticleSettings,
    StackingFaultSettings,
    VacancySettings,
)
from autune.settings.evaluation import (
    BaselineSettings,
    ElasticSettings,
    EquationOfStateSettings,
    EvaluationSettings,
    LatticeSettings,
    PhaseSettings,
    PropertiesSettings,
    ScoreSettings,
    SurfaceSettings,
    Target,
)
from autune.settings.experiment import (
    BESIDE_TRIALS,
    Settings,
    describe,
)
from autune.settings.functions import (
    FunctionSelectionSettings,
    RuleSettings,
)
from autune.settings.motion import (
    DynamicsSettings,
    PhononSettings,
)
from autune.settings.potential import (
    AngularSettings,
    PotentialSettings,
    RadialSettings,
    SymmetryFunctionSettings,
)
from autune.settings.search import (
    ConfirmSettings,
    ResourceSettings,
    SearchSettings,
    TrackingSettings,
)
from autune.settings.training import (
    AdamSettings,
    InitializationSettings,
    KalmanSettings,
    SelectionSettings,
    StopEarlySettings,
    TrainingSettings,
)
from autune.settings.yaml_file import (
    read_yaml,
)

__all__ = [
    "BESIDE_TRIALS",
    "AdamSettings",
    "AngularSettings",
    "BaselineSettings",
    "CompactSettings",
    "ConfirmSettings",
    "CurveSettings",
    "DatasetSettings",
    "DynamicsSettings",
    "ElasticSettings",
    "EquationOfStateSettings",
    "EvaluationSettings",
    "FunctionSelectionSettings",
    "InitializationSettings",
    "KalmanSettings",
    "LatticeSettings",
    "NanoparticleSettings",
    "PhaseSettings",
    "PhononSettings",
    "PotentialSettings",
    "PropertiesSettings",
    "RadialSettings",
    "ResourceSettings",
    "RuleSettings",
    "ScoreSettings",
    "SearchSettings",
    "SelectionSettings",
    "Settings",
    "StackingFaultSettings",
    "StopEarlySettings",
    "SurfaceSettings",
    "SymmetryFunctionSettings",
    "Target",
    "TrackingSettings",
    "TrainingSettings",
    "VacancySettings",
    "assign",
    "describe",
    "read_yaml",
]
