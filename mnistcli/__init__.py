"""mnistcli: a command-line laboratory for MNIST and data shaped like it, on JAX and Flax.

Notebooks and scripts use the names in `__all__`; `mnistcli help python` shows them at work. They are imported when the
first of them is used, so that `import mnistcli`, and with it the command line, stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnistcli.api import (
        Comparison,
        DataError,
        Dataset,
        Evaluation,
        ImageError,
        MnistcliError,
        Prediction,
        Predictions,
        Run,
        RunError,
        TrainResult,
        UsageError,
        compare,
        evaluate,
        load_data,
        load_run,
        predict,
        resume,
        train,
    )
else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("mnistcli.api"), name)


__version__ = "0.2.0"
__all__ = [
    "Comparison", "DataError", "Dataset", "Evaluation", "ImageError", "MnistcliError", "Prediction", "Predictions",
    "Run", "RunError", "TrainResult", "UsageError", "compare", "evaluate", "load_data", "load_run", "predict",
    "resume", "train",
]  # fmt: skip


def __dir__() -> list[str]:
    return [*globals(), *__all__]
