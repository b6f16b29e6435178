"""Recompute the verdict of two groups from their stored logits, in another way than the program does.

    python -m tests.verdicts RUNS_DIR A B [OPTION...]

asks `mnistcli compare A B --json` and sets its accuracies, verdict, intervals and p-values beside those that plain
loops here make of each run's test.safetensors: they agree to 1e-9 or it exits with 1.

    python -m tests.verdicts --resample RUNS_DIR PREFIX [SEEDS]

takes all finished runs of one recipe, those of which the name begins with PREFIX, and draws two groups of them (5 seeds
each) a hundred times: "better" should come up in at most 5, and, where 0.5 points of b's right answers are made wrong,
in at least 90.

The random numbers are part of what is recomputed, so both draw them alike, from NumPy's default_rng(0): how often each
seed of a is drawn, each of b, and each kind of image (those that the same runs read right, in lexical order).
"""

import json
import math
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.stats import t as student

Answers = list[list[bool]]  # [seeds][n]
TOLERANCE = 1e-9
RESAMPLES, RANDOM_DEALS, MOST_DEALS = 10_000, 100_000, 200_000


def read_answers(run: Path) -> list[bool]:
    """Return which test images a run's stored logits read right."""
    stored = load_file(run / "test.safetensors")
    rows = zip(stored["logits"].tolist(), stored["labels"].tolist(), strict=True)
    return [logits.index(max(logits)) == label for logits, label in rows]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def variance(values: list[float]) -> float:
    centre = mean(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)


def welch(a: list[float], b: list[float]) -> tuple[float, float, float]:
    """Return the difference of two means, its standard error and its degrees of freedom."""
    parts = variance(a) / len(a), variance(b) / len(b)
    spread = parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1)
    return mean(a) - mean(b), math.sqrt(sum(parts)), sum(parts) ** 2 / spread if spread else math.inf


def distance(a: list[float], b: list[float]) -> float:
    """Return how far Welch's t is from 0."""
    difference, error, _ = welch(a, b)
    if abs(difference) < 1e-12:
        return 0.0
    return abs(difference) / error if error > 1e-12 else math.inf


def permutation_p(a: list[int], b: list[int]) -> tuple[float, int]:
    """Return the p-value of the permutation test, and of how many deals."""
    runs, found = [*a, *b], distance(a, b)
    if math.comb(len(runs), len(a)) <= MOST_DEALS:
        deals = [set(chosen) for chosen in combinations(range(len(runs)), len(a))]
    else:
        in_a = np.array([True] * len(a) + [False] * len(b))
        dealt = np.random.default_rng(0).permuted(np.tile(in_a, (RANDOM_DEALS, 1)), axis=1)
        deals = [set(range(len(a))), *({*np.flatnonzero(row).tolist()} for row in dealt)]
    as_far = 0
    for chosen in deals:
        others = [runs[i] for i in range(len(runs)) if i not in chosen]
        as_far += distance([runs[i] for i in chosen], others) >= found * (1 - 1e-9)
    return as_far / len(deals), len(deals)


def percentiles(values: list[float]) -> list[float]:
    """Return what 2.5 % and 97.5 % of the values lie below, between neighbours in proportion."""
    ordered, bounds = sorted(values), []
    for share in (0.025, 0.975):
        place = share * (len(ordered) - 1)
        below = math.floor(place)
        bounds.append(ordered[below] + (place - below) * (ordered[below + 1] - ordered[below]))
    return bounds


def wins(a: list[int], b: list[int]) -> list[list[float]]:
    return [[1.0 if x > y else 0.5 if x == y else 0.0 for y in b] for x in a]


def bootstrap(a: Answers, b: Answers) -> tuple[list[float], list[float]]:
    """Return the intervals of the difference, over seeds and images at once, and of the probability to win."""
    kinds = sorted(Counter(zip(*a, *b, strict=True)).items())
    n, random = len(a[0]), np.random.default_rng(0)
    seeds = [random.multinomial(len(group), [1 / len(group)] * len(group), RESAMPLES).tolist() for group in (a, b)]
    images = random.multinomial(n, np.array([count for _, count in kinds]) / n, RESAMPLES)
    by_run = np.array([kind for kind, _ in kinds], dtype=float).T
    won = wins([sum(run) for run in a], [sum(run) for run in b])
    differences, probabilities = [], []
    for i in range(RESAMPLES):
        scores = (by_run @ images[i]).tolist()
        total_a = math.fsum(times * score for times, score in zip(seeds[0][i], scores[: len(a)], strict=True))
        total_b = math.fsum(times * score for times, score in zip(seeds[1][i], scores[len(a) :], strict=True))
        differences.append(total_a / len(a) / n - total_b / len(b) / n)
        drawn = [seeds[0][i][j] * seeds[1][i][k] * won[j][k] for j in range(len(a)) for k in range(len(b))]
        probabilities.append(math.fsum(drawn) / (len(a) * len(b)))
    return percentiles(differences), percentiles(probabilities)


def recomputed(a: Answers, b: Answers, *, margin: float) -> dict[str, object]:
    """Return what the program should say of two groups, but for what it says of more seeds and images."""
    n, counts = len(a[0]), ([sum(run) for run in a], [sum(run) for run in b])
    accuracies = [[count / n for count in group] for group in counts]
    difference, error, degrees = welch(*accuracies)
    half_width = error * student.ppf(0.975, degrees)
    p_value, deals = permutation_p(*counts)
    interval, probability_interval = bootstrap(a, b)
    p_equivalence = max(
        student.sf((difference + margin) / error, degrees), student.cdf((difference - margin) / error, degrees)
    )
    image_means = [mean([run[i] for run in a]) - mean([run[i] for run in b]) for i in range(n)]
    by_seeds, by_images = error**2, variance(image_means) / n
    enough = min(len(a), len(b)) >= 4
    better = enough and p_value < 0.05 and (interval[0] > 0 or interval[1] < 0)
    verdict = "undecided"
    if p_equivalence < 0.05:
        verdict = "equivalent"
    elif better:
        verdict = "a is better" if difference > 0 else "b is better"
    return {
        "difference": difference,
        "welch_t": difference / error,
        "welch_p": 2 * student.sf(abs(difference) / error, degrees),
        "welch_ci95": [difference - half_width, difference + half_width],
        "p_value": p_value,
        "permutations": deals,
        "bootstrap_ci95": interval,
        "seeds_share": by_seeds / (by_seeds + by_images),
        "images_share": by_images / (by_seeds + by_images),
        "probability": mean([won for row in wins(*counts) for won in row]),
        "probability_ci95": probability_interval,
        "p_equivalence": p_equivalence,
        "verdict": verdict,
    }


def check(runs: Path, a: str, b: str, *options: str) -> bool:
    """Print what the program says of two groups beside what is found here, and return whether they agree."""
    command = [sys.executable, "-m", "mnistcli", "compare", a, b, "--json", "--runs-dir", str(runs), *options]
    document = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    (test,) = document["pairs"]
    answers = [[read_answers(runs / run) for run in group["runs"]] for group in document["groups"]]
    expected = recomputed(*answers, margin=test["margin"])
    for group, right in zip(document["groups"], answers, strict=True):
        expected |= {f"accuracies of {group['group']}": [sum(run) / len(run) for run in right]}
        test |= {f"accuracies of {group['group']}": group["accuracies"]}
    agreed = [agree(name, test[name], value) for name, value in expected.items()]
    return all(agreed)


def agree(name: str, said: object, found: object) -> bool:
    """Print one value as the program has it and as it was found here, and return whether they are the same."""
    same = said == found if isinstance(found, str) else np.allclose(said, found, rtol=0, atol=TOLERANCE)
    print(f"{'agrees ' if same else 'DIFFERS'}  {name}: {said} and {found}")
    return bool(same)


def resample(runs: Path, prefix: str, seeds: int = 5, *, trials: int = 100) -> bool:
    """Print how often two groups drawn from runs of one recipe differ, without and with a true difference."""
    from mnistcli.metrics.recipes import compare_recipes

    pool = np.array([read_answers(path.parent) for path in sorted(runs.glob(f"{prefix}*/test.safetensors"))])
    print(f"{len(pool)} runs, {100 * pool.mean():.3f} % right, standard deviation {100 * pool.mean(1).std(ddof=1):.3f}")
    outcomes: dict[str, Counter[str]] = {"no difference": Counter(), "0.5 points": Counter()}
    for trial in range(trials):
        random = np.random.default_rng(trial)
        drawn = pool[random.permutation(len(pool))[: 2 * seeds]]
        a, b = drawn[:seeds], drawn[seeds:]
        outcomes["no difference"][compare_recipes("a", "b", a, b).verdict] += 1
        harder = random.random(a.shape[1]) < 0.01  # of these images b reads wrong half of the time
        worse = b & ~(harder & (random.random(b.shape) < 0.5))
        outcomes["0.5 points"][compare_recipes("a", "b", a, worse).verdict] += 1
    for name, counted in outcomes.items():
        print(f"{name}, {seeds} seeds each: {dict(counted)}")
    false = trials - outcomes["no difference"]["undecided"] - outcomes["no difference"]["equivalent"]
    return false <= 0.05 * trials and outcomes["0.5 points"]["a is better"] >= 0.9 * trials


if __name__ == "__main__":
    if sys.argv[1] == "--resample":
        agreed = resample(Path(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
    else:
        agreed = check(Path(sys.argv[1]), *sys.argv[2:])
    sys.exit(not agreed)
