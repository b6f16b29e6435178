"""Networks: recipes and the one-line language, which need no JAX; in `network`, flax.nnx modules.

This front door hands on what the command line reads before JAX is there.
"""

from mnistcli.models.recipes import (
    RECIPES,
    arch_key,
    as_written,
    configure,
    description,
    find_recipe,
    is_architecture,
    is_flax,
    recipe_default,
    run_prefix,
)

__all__ = [
    "RECIPES",
    "arch_key",
    "as_written",
    "configure",
    "description",
    "find_recipe",
    "is_architecture",
    "is_flax",
    "recipe_default",
    "run_prefix",
]
