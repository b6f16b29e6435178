import json
from dataclasses import replace
from typing import Any

import pytest

from mnistcli.render.diff import diff_view, difference_sentence, reproduction_view, verdict_sentence
from mnistcli.results.diff import Difference, Repeated, Reproduction, RunDifference
from tests.render.reading import colour, rows, written

SEED = Difference("config", "seed", 0, 1)
JAX = Difference("provenance", "versions.jax", "1", "2")
TIME = Difference("results", "train_seconds", 1.5, 2.5)
LOSS = Difference("results", "test_loss", 0.25, 0.5)
SAME = Reproduction("a-1", "a-2", weights=0.0, epochs=(0.0, 0.0), lengths=(2, 2), test=0.0, tolerance=1e-3, changed=())


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ((TIME,), "a-1 and a-2 have the same configuration, versions, device and data, and their results are the "
         "same."),
        ((SEED, LOSS), "a-1 and a-2 differ only in seed; their results differ."),
        ((SEED, JAX, TIME), "a-1 and a-2 differ only in seed, jax's version; their results are the same."),
        ((SEED, JAX, SEED, JAX, JAX), "a-1 and a-2 differ in seed, jax's version, seed and 2 more; their results are "
         "the same."),
    ],
)  # fmt: skip
def test_little_difference_is_told_as_nothing_but(differences: tuple[Difference, ...], said: str) -> None:
    assert difference_sentence(RunDifference("a-1", "a-2", differences)) == said


def test_each_difference_has_both_runs_values_in_all_formats() -> None:
    view = diff_view(RunDifference("a-1", "a-2", (SEED, JAX, LOSS), network="+ relu"))
    shown = rows(view)
    assert ["seed", "0", "1"] in shown
    assert ["jax's", "version", "1", "2"] in shown
    assert ["In", "the", "network:", "+", "relu"] in shown
    assert written(view, "plain").splitlines()[2] == "results\ttest_loss\t0.25\t0.5"
    document = json.loads(written(view, "json"))
    assert document["differences"][0] == {"part": "config", "name": "seed", "a": 0, "b": 1}
    assert (document["a"], document["b"], document["network"]) == ("a-1", "a-2", "+ relu")


@pytest.mark.parametrize(
    ("values", "verdict", "since", "said"),
    [
        ({}, Repeated.IDENTICAL, None, "a-1 and a-2 are identical"),
        ({"weights": 1e-4, "epochs": (0.0, 1e-3)}, Repeated.EQUAL, None, "equal within 1.0e-03"),
        ({"epochs": (0.0, 2e-3)}, Repeated.DIFFERENT, 2, "differ from epoch 2"),
        ({"lengths": (2, 3)}, Repeated.DIFFERENT, 3, "differ from epoch 3"),
        ({"epochs": (1e-9, 2e-3)}, Repeated.DIFFERENT, 2, "differ from epoch 2"),
        (
            {"epochs": (1e-9, 0.0), "test": 0.1},
            Repeated.DIFFERENT,
            None,
            "same metrics in every epoch within 1.0e-03, but",
        ),
        (
            {"weights": None, "tolerance": 0.0},
            Repeated.DIFFERENT,
            None,
            "same metrics in every epoch, but different weig",
        ),
    ],
)
def test_the_farthest_figure_decides(values: dict[str, Any], verdict: Repeated, since: int | None, said: str) -> None:
    reproduction = replace(SAME, **values)
    assert (reproduction.verdict, reproduction.since_epoch) == (verdict, since)
    assert said in verdict_sentence(reproduction)
    document = json.loads(written(reproduction_view(reproduction), "json"))
    assert (document["verdict"], document["since_epoch"]) == (verdict, since)


def test_the_verdict_is_coloured_and_what_changed_stands_below_it() -> None:
    view = reproduction_view(replace(SAME, changed=(JAX,)))
    red, green, blue = colour(view, "identical")
    assert green > max(red, blue)
    assert ["jax's", "version", "1", "2"] in rows(view)
    assert ["weights", "the", "same"] in rows(view)
