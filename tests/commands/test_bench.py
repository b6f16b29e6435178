"""What `bench` makes of programs that take a known time."""

from types import SimpleNamespace
from typing import Any

import jax
import pytest

from mnistcli.commands import bench

STEP, PREDICTION, PRODUCT = 0.001, 0.003, 0.004  # seconds
CALL, COMPILATION, FIRST_CALL = 0.0005, 0.5, 2.0
SIZES = {"argument_size_in_bytes": 50, "output_size_in_bytes": 30, "alias_size_in_bytes": 10, "temp_size_in_bytes": 7}


def test_a_speed_is_that_of_a_program_that_has_run_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Program:
        """Takes its time, some more each call, and much more at the first."""

        first = FIRST_CALL

        def takes(self, seconds: float) -> None:
            nonlocal now
            now += seconds + CALL + self.first
            self.first = 0.0

        def memory_analysis(self) -> Any:
            return SimpleNamespace(**SIZES)

        def __call__(self, state: Any, images: Any, *arguments: Any) -> Any:
            self.takes(int(arguments[-1]) * STEP if arguments else PREDICTION)
            return state, images

    class Jitted(Program):
        def lower(self, *_: Any) -> "Jitted":
            return self

        def compile(self) -> Program:
            nonlocal now
            now += COMPILATION
            return Program()

        def __call__(self, times: Any, ones: Any, *_: Any) -> Any:
            self.takes(int(times) * PRODUCT)
            return ones

    monkeypatch.setattr(jax, "jit", lambda *_, **__: Jitted())
    monkeypatch.setattr(bench.time, "perf_counter", lambda: now)
    train, predict = bench.measure(["linear"], [1000])  # 50 steps an epoch; 4 batches are predicted at a time
    assert train.images_per_second == pytest.approx(1000 / STEP, rel=0.03)
    assert predict.images_per_second == pytest.approx(4000 / (PREDICTION + CALL))
    for speed, operations in ((train, 2 * 2 * 7840), (predict, 2 * 7840)):
        side = round((1000 * operations / 2) ** (1 / 3))
        assert speed.product_flops == pytest.approx(2 * side**3 / PRODUCT, rel=0.03)
        assert speed.flops == pytest.approx(speed.images_per_second * operations)
        assert speed.compile_seconds == pytest.approx(COMPILATION)
        assert speed.memory_bytes == 50 + 30 - 10 + 7
