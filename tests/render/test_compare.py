import csv
import json
from dataclasses import replace
from typing import Any

import pytest

from mnistcli.render.compare import comparison_view, group_comparison_view, recipe_verdict, verdict
from mnistcli.results.compare import ComparedRun, Comparison, PairedTest, Verdict
from tests.render.by_hand import BETTER, GROUPS, TEST, evaluation, group
from tests.render.reading import behind, on_terminal, rows, written

NAMES = ("cat", "dog", "owl")
PAIR = PairedTest("dense-001", "cnn-001", 320, 9, 18, 2, -9 / 349, (-0.0553, 0.0034), 0.0123, 0.0123)
A, B = evaluation(run="dense-001", names=NAMES), evaluation(BETTER, run="cnn-001", names=NAMES)
RUNS = ComparedRun(A, (), 407_050, None), ComparedRun(replace(B, loss=0.0987), (), 542_230, 150.0)
VIEW = comparison_view(Comparison(RUNS, (PAIR,)))
PAIRS = (PAIR, replace(PAIR, b="cnn-002", p_holm=0.0246), replace(PAIR, a="cnn-001", b="cnn-002", p_holm=0.0369))
THREE = comparison_view(Comparison((*RUNS, RUNS[1]), PAIRS, cochran_q=12.34, cochran_p=0.0021))
GROUP_VIEW = group_comparison_view(GROUPS)


def test_json_has_runs_and_pairs() -> None:
    document = json.loads(written(VIEW, "json"))
    first, second = document["runs"]
    assert (first["run"], first["n"], first["parameters"], first["train_seconds"]) == ("dense-001", 349, 407_050, None)
    assert (second["run"], second["loss"], second["parameters"], second["train_seconds"]) == (
        "cnn-001", 0.0987, 542_230, 150,
    )  # fmt: skip
    assert document["pairs"] == [
        {"a": "dense-001", "b": "cnn-001", "both_right": 320, "only_a_right": 9, "only_b_right": 18, "both_wrong": 2,
         "difference": -9 / 349, "difference_ci95": [-0.0553, 0.0034], "p_value": 0.0123, "p_holm": 0.0123,
         "networks": ""}
    ]  # fmt: skip
    assert (document["cochran_q"], document["cochran_p"]) == (None, None)
    three = json.loads(written(THREE, "json"))
    assert (three["cochran_q"], three["cochran_p"]) == (12.34, 0.0021)
    assert [pair["p_holm"] for pair in three["pairs"]] == [0.0123, 0.0246, 0.0369]
    assert json.loads(written(VIEW, "jsonl"))["pairs"] == document["pairs"]


def test_csv_is_a_line_a_run() -> None:
    first, second = csv.DictReader(written(VIEW, "csv").splitlines())
    assert (first["run"], first["errors"], first["parameters"], first["train_seconds"]) == (
        "dense-001", "20", "407050", "",
    )  # fmt: skip
    assert (second["run"], second["errors"], second["parameters"], second["train_seconds"]) == (
        "cnn-001", "11", "542230", "150.0",
    )  # fmt: skip


def test_a_terminal_sets_the_runs_side_by_side() -> None:
    shown = rows(VIEW)
    for line in (
        "On 349 test images",
        "dense-001 cnn-001",
        "architecture dense cnn",
        "accuracy 94.27% 96.85%",
        "95% interval 91.31–96.26% 94.45–98.23%",
        "loss (nats) 0.1234 0.0987",
        "errors 20 11",
        "parameters 407,050 542,230",
        "training time – 2 min 30 s",
    ):
        assert line.split() in shown


def test_a_terminal_shows_who_was_right_where() -> None:
    shown = rows(VIEW)
    assert [
        "A",
        "B",
        "both",
        "right",
        "only",
        "A",
        "only",
        "B",
        "both",
        "wrong",
        *["p", "(McNemar)", "p", "(Holm)"],
    ] in shown
    assert ["dense-001", "cnn-001", "320", "9", "18", "2", "0.012", "0.012"] in shown


def test_the_difference_is_the_second_run_minus_the_first_green_where_it_is_better() -> None:
    shown = rows(VIEW)
    assert ["cat", "+6", "-3", "-3"] in shown
    assert ["dog", "+2", "+7", "-9"] in shown
    assert ["owl", "+2", "+2", "-4"] in shown
    better, worse = ("+6", "-3", "+7", "-9"), ("+2", "-4")
    assert all(green > red for red, green, _ in (behind(VIEW, part) for part in better))
    assert all(red > green for red, green, _ in (behind(VIEW, part) for part in worse))


@pytest.mark.parametrize(
    ("only_a", "only_b", "p", "words"),
    [
        (30, 5, 0.0499, ("The run a is better than b: 25 more images right, 18.12 points", "10.00 to 30.00", "0.0499")),
        (5, 30, 0.0499, ("The run b is better than a: 25 more images right, 18.12 points", "10.00 to 30.00", "0.0499")),
        (30, 5, 0.0501, ("a reads 25 more images right than b", "0.0501", "could well be chance")),
        (30, 5, 0.00009, ("< 0.0001", "a is better")),
        (30, 5, 0.00012, ("0.0001", "a is better")),
        (7, 7, 1.0, ("the same number", "neither")),
    ],
)
def test_a_verdict_says_how_many_more_whether_it_could_be_chance_and_that_it_is_of_these_runs(
    only_a: int, only_b: int, p: float, words: tuple[str, ...]
) -> None:
    difference, bounds = (only_a - only_b) / 138, (0.1, 0.3) if only_a > only_b else (-0.3, -0.1)
    said = verdict(PairedTest("a", "b", 100, only_a, only_b, 3, difference, bounds, p / 2, p))
    assert all(word in said for word in words)
    assert ("<" in said) == ("< 0.0001" in words)
    assert "Other seeds may give another answer" in said


def test_the_verdict_goes_by_the_corrected_p_and_says_so() -> None:
    assert "McNemar, p = 0.0123" in verdict(PAIR)
    assert "McNemar and Holm, p = 0.0369" in verdict(PAIRS[2])
    assert "better" in verdict(PAIR)
    assert "chance" in verdict(replace(PAIR, p_holm=0.06))


def test_a_terminal_gives_each_pair_s_verdict_and_cochran_s_q_of_three_runs() -> None:
    two, three = on_terminal(VIEW).plain, on_terminal(THREE).plain
    assert verdict(PAIR).removesuffix(" Other seeds may give another answer; --seeds 8 tests that.") in two
    assert two.count("Other seeds may give another answer") == three.count("Other seeds may give another answer") == 1
    assert "Cochran" not in two
    assert "Cochran's Q = 12.3, p = 0.0021" in three
    assert three.count("The run cnn-00") == 3
    assert "Difference" not in three


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ("cnn is better than dense by 0.65 points", "seeds and images 0.41 to 0.89", "p = 0.0079", "96 %")),
        ({"difference": -0.0065, "bootstrap_ci95": (-0.0089, -0.0041), "probability": 0.04,
          "verdict": Verdict.B_BETTER},
         ("dense is better than cnn by 0.65 points", "0.41 to 0.89", "wins 96 %")),
        ({"difference": 0.0004, "p_holm": 0.031, "p_equivalence": 0.0123, "verdict": Verdict.EQUIVALENT},
         ("equivalent within 0.10 points on these images", "over seeds, p = 0.0123", "cnn reads 0.04 points more",
          "p = 0.0310")),
        ({"verdict": Verdict.UNDECIDED, "bootstrap_ci95": (-0.001, 0.002), "seeds_needed": 51, "images_needed": 99_198},
         ("Undecided", "-0.10 to 0.20", "About 51 seeds each, or 99,000 test images, would probably show")),
        ({"verdict": Verdict.UNDECIDED, "images_needed": 40_400}, ("More seeds would not", "about 40,000 test images")),
        ({"verdict": Verdict.UNDECIDED, "seeds_equivalent": 9}, ("Neither", "About 9 seeds each", "equivalent")),
        ({"verdict": Verdict.UNDECIDED, "smallest_p": 0.1, "seeds_needed": 5}, ("p cannot be below 0.1.", "5")),
    ],
)  # fmt: skip
def test_a_verdict_on_recipes_says_better_equivalent_or_what_would_decide(
    changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    said = recipe_verdict(replace(TEST, **changes))
    assert all(word in said for word in words), said


def test_equivalence_is_offered_only_where_it_takes_fewer_seeds() -> None:
    undecided = replace(TEST, verdict=Verdict.UNDECIDED, seeds_needed=20, seeds_equivalent=30)
    assert "equivalent" not in recipe_verdict(undecided)
    assert "equivalent" in recipe_verdict(replace(undecided, seeds_equivalent=10))


def test_json_of_groups_has_every_run_and_the_whole_test() -> None:
    document = json.loads(written(GROUP_VIEW, "json"))
    assert (document["schema"], document["split"], document["n"]) == ("mnistcli.compare-groups/1", "test", 10_000)
    first, _ = document["groups"]
    assert (first["group"], first["seeds"], first["runs"]) == ("cnn", [0, 1, 2], ["cnn-001", "cnn-002", "cnn-003"])
    assert first["accuracies"] == [0.9881, 0.9885, 0.9874]
    assert first["mean"] == pytest.approx(0.988)
    assert first["sd"] == pytest.approx(0.000557, abs=1e-6)
    assert (first["min"], first["max"], first["train_seconds"]) == (0.9874, 0.9885, [10, 20, None])
    assert first["ensemble"]["confusion"] == [[90, 7, 3], [0, 40, 9], [1, 0, 199]]
    (pair,) = document["pairs"]
    assert (pair["a"], pair["b"], pair["verdict"]) == ("cnn", "dense", "a is better")
    assert (pair["bootstrap_ci95"], pair["p_holm"], pair["seeds_needed"]) == ([0.0041, 0.0089], 0.0079, None)


def test_csv_of_groups_is_a_line_a_group() -> None:
    first, second = csv.DictReader(written(GROUP_VIEW, "csv").splitlines())
    assert (first["group"], first["runs"], first["mean_train_seconds"]) == ("cnn", "3", "15.0")
    assert float(second["mean"]) == pytest.approx(0.98153, abs=1e-5)
    assert float(second["mean_low"]) < 0.9811 < 0.9820 < float(second["mean_high"])


def test_a_terminal_sets_groups_side_by_side_with_each_run_and_v_shows_every_test() -> None:
    shown = rows(GROUP_VIEW)
    for line in (
        "cnn, each run (%) 98.81 98.85 98.74",
        "mean accuracy 98.80% 98.15%",
        "deviation 0.06 points 0.05 points",
    ):
        assert line.split() in shown
    whole = on_terminal(GROUP_VIEW).plain
    for part in ("Welch's t = 12.30", "0.53 to 0.77", "0.41 to 0.89", "of 252", "seeds 25 %, images 75 %",
                 "0.96 (0.88 to 1.00): a meaningful", "p = 0.9991"):  # fmt: skip
        assert part in whole


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("seeds", [3, 8])
def test_groups_tell_their_story_on_the_first_screen(n: int, seeds: int) -> None:
    accuracies = [0.98 + 0.0001 * seed for seed in range(seeds)]
    groups = tuple(group(name, accuracies) for name in ("cnn", "dense", "convnet")[:n])
    undecided = replace(TEST, verdict=Verdict.UNDECIDED, seeds_needed=51, images_needed=99_198, seeds_equivalent=7)
    tests = (undecided, replace(TEST, b="convnet"), replace(TEST, a="dense", b="convnet"))
    view = group_comparison_view(replace(GROUPS, groups=groups, pairs=tests[: n * (n - 1) // 2]))
    shown = written(view, "table", brief=True, force_terminal=True, width=80)
    assert len(shown.splitlines()) <= 23  # and one for what stderr says
    assert all(words in shown for words in ("Undecided", "98.0", "worst confusions", "-v shows"))


def test_notes_stand_below_the_verdict() -> None:
    view = group_comparison_view(replace(GROUPS, notes=("Seeds were added after a look.",)))
    assert "Seeds were added after a look." in on_terminal(view).plain
    assert json.loads(written(view, "json"))["notes"] == ["Seeds were added after a look."]
