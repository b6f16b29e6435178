"""Compare recipes, with several trainings of each, on the same images.

Two things are random: the seeds, which make each training different, and the images, which are a sample of all possible
ones. A recipe is called better only if the difference is significant with regard to both.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from mnistcli.metrics.bootstrap import percentile_interval, pigeonhole_bootstrap, win_matrix
from mnistcli.metrics.pairs import LEVEL, Interval, holm
from mnistcli.metrics.permutation import count_deals, permutation_test, smallest_p
from mnistcli.metrics.variances import FEWEST, Variances
from mnistcli.metrics.welch import Welch
from mnistcli.results.compare import RecipeTest, Verdict

MARGIN = 0.001  # difference of accuracies: 0.1 percentage points
Recipe = tuple[str, np.ndarray]  # its name, and right answers [seeds, n] bool


def compare_recipes(a: str, b: str, right_a: np.ndarray, right_b: np.ndarray, *, margin: float = MARGIN) -> RecipeTest:
    """Compare two recipes by their runs' right answers [seeds, n] bool on the same images."""
    return compare_all([(a, right_a), (b, right_b)], margin=margin)[0]


def compare_all(recipes: Sequence[Recipe], *, margin: float = MARGIN) -> tuple[RecipeTest, ...]:
    """Return the test of each pair, corrected for the number of pairs by Holm's method.

    Args:
        recipes: Names, and right answers [seeds, n] bool of two or more seeds.
        margin: The difference of accuracies, as a fraction, up to which two recipes count as equivalent.
    """
    pairs = [*combinations(recipes, 2)]
    p_values = [permutation_test(a.sum(1), b.sum(1)) for (_, a), (_, b) in pairs]
    corrected = holm(p_values)
    return tuple(
        _recipe_test(a, b, margin=margin, p_value=p_value, p_holm=p_holm, level=LEVEL / len(pairs))
        for (a, b), p_value, p_holm in zip(pairs, p_values, corrected, strict=True)
    )


def _recipe_test(a: Recipe, b: Recipe, *, margin: float, p_value: float, p_holm: float, level: float) -> RecipeTest:
    (name_a, right_a), (name_b, right_b) = a, b
    seeds, n = (len(right_a), len(right_b)), right_a.shape[1]
    welch = Welch.of(right_a.sum(1), right_b.sum(1), n)
    differences, wins = pigeonhole_bootstrap(right_a, right_b)
    bootstrap_ci95, probability_ci95 = percentile_interval(differences), percentile_interval(wins)
    probability = float(win_matrix(right_a.sum(1), right_b.sum(1)).mean())
    variances = Variances.of(right_a, right_b)
    seeds_share, images_share = variances.shares
    p_equivalence = welch.equivalence(margin)
    can_tell = min(seeds) >= FEWEST and smallest_p(*seeds) < LEVEL
    is_better = can_tell and p_holm < LEVEL and not bootstrap_ci95[0] <= 0 <= bootstrap_ci95[1]
    verdict = _verdict(welch.difference, is_better=is_better, is_equivalent=p_equivalence < LEVEL)
    is_open = verdict == Verdict.UNDECIDED
    return RecipeTest(
        a=name_a,
        b=name_b,
        difference=welch.difference,
        welch_t=welch.t,
        welch_p=welch.p_value,
        welch_ci95=welch.interval(),
        p_value=p_value,
        p_holm=p_holm,
        permutations=count_deals(*seeds),
        smallest_p=smallest_p(*seeds),
        bootstrap_ci95=bootstrap_ci95,
        seeds_share=seeds_share,
        images_share=images_share,
        probability=probability,
        probability_ci95=probability_ci95,
        meaningful=_is_meaningful(probability, probability_ci95),
        margin=margin,
        p_equivalence=p_equivalence,
        verdict=verdict,
        seeds_needed=variances.seeds_to_detect(welch.difference, level=level) if is_open else None,
        images_needed=variances.images_to_detect(welch.difference, level=level) if is_open else None,
        seeds_equivalent=variances.seeds_to_show_equivalence(welch.difference, margin) if is_open else None,
    )


def _verdict(difference: float, *, is_better: bool, is_equivalent: bool) -> Verdict:
    if is_equivalent:  # even if the small difference is significant
        return Verdict.EQUIVALENT
    if is_better:
        return Verdict.A_BETTER if difference > 0 else Verdict.B_BETTER
    return Verdict.UNDECIDED


def _is_meaningful(probability: float, bounds: Interval) -> bool:
    """Return whether a new training of the better recipe wins surely and often enough to matter.

    Source: X. Bouthillier et al., "Accounting for variance in machine learning benchmarks", MLSys 2021.
    """
    low, high = bounds if probability >= 0.5 else (1 - bounds[1], 1 - bounds[0])
    return low > 0.5 and high > 0.75
