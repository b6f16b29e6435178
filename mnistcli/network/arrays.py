"""What is the same for NumPy's arrays and JAX's."""

from typing import Any

Array = Any  # of NumPy or of JAX: what is computed from it is of the same kind


def relu(x: Array) -> Array:
    """Return max(x, 0); its gradient at 0 is 0, and what is no number stays none."""
    return x * (x > 0)
