"""The search space: settings of which some leaves are distributions."""

from autune.space.distribution import LEFT_OUT, Distribution, Parameter
from autune.space.layers import read_layers
from autune.space.places import flatten
from autune.space.search_space import SearchSpace

__all__ = [
    "LEFT_OUT",
    "Distribution",
    "Parameter",
    "SearchSpace",
    "flatten",
    "read_layers",
]
