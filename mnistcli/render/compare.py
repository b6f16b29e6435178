"""How a comparison of runs or groups is shown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any, TypeVar

from rich.console import RenderableType
from rich.text import Text

from mnistcli.metrics.pairs import LEVEL
from mnistcli.metrics.welch import mean_interval
from mnistcli.render.evaluate import evaluation_document, evaluation_row, worst_confusions
from mnistcli.render.matrix import confusion_tables, difference_tables
from mnistcli.render.screen import Screen
from mnistcli.render.tables import interval, make_facts, make_table, percent, points, seconds, short_arch
from mnistcli.render.view import Row, View, printable
from mnistcli.results.compare import (
    ComparedGroup,
    Comparison,
    GroupComparison,
    PairedTest,
    RecipeTest,
    Verdict,
)
from mnistcli.results.evaluate import Evaluation

MOST_PAIRS = 3  # that fit on one screen
Pair = TypeVar("Pair", PairedTest, RecipeTest)
COVERS = "Other seeds may give another answer; --seeds 8 tests that."


def comparison_view(comparison: Comparison) -> View:
    """Return the comparison of runs in all formats."""
    return View(
        schema="mnistcli.compare/1",
        document=lambda: _document(comparison),
        rows=lambda: (
            evaluation_row(run.evaluation) | {"parameters": run.parameters, "train_seconds": run.train_seconds}
            for run in comparison.runs
        ),
        records=lambda: [_document(comparison)],
        terminal=lambda screen: _terminal(comparison, screen),
    )


def group_comparison_view(comparison: GroupComparison) -> View:
    """Return the comparison of groups in all formats."""
    return View(
        schema="mnistcli.compare-groups/1",
        document=lambda: _group_document(comparison),
        rows=lambda: map(_group_row, comparison.groups),
        records=lambda: [_group_document(comparison)],
        terminal=lambda screen: _group_terminal(comparison, screen),
    )


def verdict(pair: PairedTest) -> str:
    """Say which of two runs is better, and whether the difference could be chance."""
    return f"{_finding(pair)} {COVERS}"


def headline(comparison: Comparison) -> str:
    """Say which run reads the most images correctly, and which leads could be chance."""
    evaluations = [run.evaluation for run in comparison.runs]
    best = max(evaluations, key=lambda each: each.correct)
    images = f"{best.n:,} {best.split} images right"
    leaders = [each.run for each in evaluations if each.correct == best.correct]
    if len(leaders) > 1:
        return f"{joined(leaders)} each read {best.correct:,} of {images}"
    open_pairs = [pair for pair in comparison.pairs if best.run in (pair.a, pair.b) and pair.p_holm >= LEVEL]
    others = [pair.b if pair.a == best.run else pair.a for pair in open_pairs]
    if len(evaluations) == 2:
        [other] = (each for each in evaluations if each is not best)
        said = f"{best.run} reads {best.correct - other.correct:,} more of {images} than {other.run}"
        return f"{said}, which could well be chance" if others else said
    said = f"{best.run} reads the most of {images}: {best.correct:,}"
    return f"{said}; its lead over {joined(others)} could well be chance" if others else said


def group_headline(comparison: GroupComparison) -> str:
    """Say which recipe is better; for several, which has the best mean and which it does not clearly beat."""
    if len(comparison.pairs) == 1:
        return _lead(comparison.pairs[0])
    best = max(comparison.groups, key=lambda group: group.accuracies.mean)
    wins = {(Verdict.A_BETTER, 0), (Verdict.B_BETTER, 1)}
    tests = [(test, (test.a, test.b).index(best.group)) for test in comparison.pairs if best.group in (test.a, test.b)]
    others = [(test.b, test.a)[side] for test, side in tests if (test.verdict, side) not in wins]
    said = f"{best.group} has the highest mean accuracy: {percent(best.accuracies.mean)}"
    return f"{said}; it is not shown to be better than {joined(others)}" if others else said


def joined(names: Sequence[str]) -> str:
    """Join names: a, b and c."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def run_facts(comparison: Comparison) -> dict[str, list[str]]:
    """Return a table's rows: the facts about each run."""
    evaluations = [run.evaluation for run in comparison.runs]
    return {
        "accuracy": [percent(each.accuracy) for each in evaluations],
        "95 % interval": [interval(each.accuracy_ci95) for each in evaluations],
        "loss (nats)": [f"{each.loss:.4f}" for each in evaluations],
        "errors": [f"{each.errors:,}" for each in evaluations],
        "parameters": [f"{run.parameters:,}" for run in comparison.runs],
        "training time": [seconds(run.train_seconds) for run in comparison.runs],
    }


def _finding(pair: PairedTest) -> str:
    if not pair.difference:
        return f"{pair.a} and {pair.b} read the same number of images right: neither is better here."
    better, worse, (low, high) = _order(pair.a, pair.b, pair.difference, pair.difference_ci95)
    more = abs(pair.only_a_right - pair.only_b_right)
    tests = "McNemar" if pair.p_holm == pair.p_value else "McNemar and Holm"
    evidence = f"{points(abs(pair.difference))} points (interval {points(low)} to {points(high)}; {tests}, "
    evidence += f"{p_text(pair.p_holm)})"
    if pair.p_holm < LEVEL:
        return f"The run {better} is better than {worse}: {more:,} more images right, {evidence}."
    return f"{better} reads {more:,} more images right than {worse}, {evidence}: this could well be chance."


def recipe_verdict(test: RecipeTest) -> str:
    """Say whether a recipe is better, both are equivalent, or what would probably decide."""
    better, _, (low, high) = _order(test.a, test.b, test.difference, test.bootstrap_ci95)
    chance = f"permutation test, {p_text(test.p_holm)}"
    evidence = f"(interval over seeds and images {points(low)} to {points(high)}; {chance})"
    if test.verdict == Verdict.EQUIVALENT:
        return (
            f"{_lead(test)} on these images (two one-sided tests over seeds, {p_text(test.p_equivalence)}); {better} "
            f"reads {points(abs(test.difference))} points more right ({chance})."
        )
    if test.verdict == Verdict.UNDECIDED:
        return f"{_lead(test)} {evidence}. {_what_decides(test)}"
    probability = test.probability if test.difference > 0 else 1 - test.probability
    wins = percent(probability, 0)
    return f"{_lead(test)} {evidence}; it wins {wins} of the pairs of runs."


def _lead(test: RecipeTest) -> str:
    """Return the first part of a verdict, without evidence."""
    better, worse, _ = _order(test.a, test.b, test.difference, test.bootstrap_ci95)
    more = f"{points(abs(test.difference))} points"
    if test.verdict == Verdict.EQUIVALENT:
        return f"{test.a} and {test.b} are equivalent within {points(test.margin)} points"
    if test.verdict == Verdict.UNDECIDED:
        found = f"{better} reads {more} more right than {worse}" if test.difference else "no difference was found"
        return f"Undecided: {found}"
    return f"{better} is better than {worse} by {more}"


def _what_decides(test: RecipeTest) -> str:
    """Say how many seeds or test images would probably decide the comparison."""
    said = []
    if test.smallest_p > LEVEL:
        said.append(f"With so few seeds, p cannot be below {test.smallest_p:.2g}.")
    images = f"{float(f'{test.images_needed:.2g}'):,.0f} test images" if test.images_needed else ""
    if test.seeds_needed:
        either = f", or {images}," if images else ""
        said.append(f"About {test.seeds_needed:,} seeds each{either} would probably show which is better.")
    elif images:
        said.append(f"More seeds would not show which is better; about {images} probably would.")
    else:
        said.append("Neither more seeds nor more test images alone would show which is better.")
    if test.seeds_equivalent and test.seeds_equivalent < (test.seeds_needed or test.seeds_equivalent + 1):
        equivalent = f"equivalent within {points(test.margin)} points"
        said.append(f"About {test.seeds_equivalent:,} seeds each would probably show that they are {equivalent}.")
    return " ".join(said)


def p_text(p: float) -> str:
    """Return "p = 0.0123" or "p < 0.0001"."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"


def _order(a: str, b: str, difference: float, bounds: tuple[float, float]) -> tuple[str, str, tuple[float, float]]:
    """Return the better name, the worse one, and the interval of how much better it is."""
    low, high = bounds
    return (b, a, (-high, -low)) if difference < 0 else (a, b, bounds)


def _document(comparison: Comparison) -> dict[str, Any]:
    return {
        "runs": [
            evaluation_document(run.evaluation) | {"parameters": run.parameters, "train_seconds": run.train_seconds}
            for run in comparison.runs
        ],
        "pairs": [asdict(pair) for pair in comparison.pairs],
        "cochran_q": comparison.cochran_q,
        "cochran_p": comparison.cochran_p,
    }


def _group_document(comparison: GroupComparison) -> dict[str, Any]:
    return {
        "split": comparison.split,
        "n": comparison.n,
        "groups": [
            {
                "group": group.group,
                "arch": group.arch,
                "seeds": group.seeds,
                "runs": group.runs,
                "accuracies": group.accuracies.values,
                "mean_ci95": mean_interval(group.accuracies.values),
                **group.accuracies.figures,
                "parameters": group.parameters,
                "train_seconds": group.train_seconds,
                "ensemble": evaluation_document(group.ensemble),
            }
            for group in comparison.groups
        ],
        "pairs": [asdict(pair) for pair in comparison.pairs],
        "notes": comparison.notes,
    }


def _group_row(group: ComparedGroup) -> Row:
    low, high = mean_interval(group.accuracies.values)
    spread = group.accuracies.figures
    return {
        "group": group.group,
        "arch": group.arch,
        "runs": len(group.runs),
        "mean": spread.pop("mean"),
        "mean_low": low,
        "mean_high": high,
        **spread,
        "ensemble_accuracy": group.ensemble.accuracy,
        "parameters": group.parameters,
        "mean_train_seconds": _mean_seconds(group),
    }


def _terminal(comparison: Comparison, screen: Screen) -> Iterable[RenderableType]:
    """Yield the findings, then the evidence; if brief, only what fits on one screen."""
    evaluations = [run.evaluation for run in comparison.runs]
    best = max(evaluations, key=lambda evaluation: evaluation.accuracy).run
    pairs = _first_screen(comparison.pairs, best, screen)
    yield from _verdicts(pairs, map(_finding, pairs), screen)
    if comparison.cochran_q is None or comparison.cochran_p is None:
        yield Text(COVERS)
    else:
        cochran = f"Cochran's Q = {comparison.cochran_q:.1f}, {p_text(comparison.cochran_p)}"
        yield Text(f"Test of whether any run differs: {cochran}. {COVERS}")
    yield screen.choose(_side_by_side(comparison, screen))
    yield from _confusions(evaluations, screen, whole="the confusion matrices and how often each pair disagrees")
    if not screen.brief:
        yield _pairs(comparison)


def _group_terminal(comparison: GroupComparison, screen: Screen) -> Iterable[RenderableType]:
    """Yield the findings, then the evidence, with the confusions of each group's ensemble; if brief, one screen."""
    best = max(comparison.groups, key=lambda group: group.accuracies.mean).group
    pairs = _first_screen(comparison.pairs, best, screen)
    yield from _verdicts(pairs, map(recipe_verdict, pairs), screen)
    for note in comparison.notes:
        yield Text(printable(note), style="dim")
    yield screen.choose(_groups_side_by_side(comparison, screen))
    for group in comparison.groups if not screen.brief else ():
        accuracies = " ".join(points(accuracy) for accuracy in group.accuracies.values)
        yield Text.assemble((printable(f"{group.group}, each run (%)  "), "dim"), accuracies)
    if not screen.brief:
        for test in comparison.pairs:
            yield _evidence(test)
    ensembles = [group.ensemble for group in comparison.groups]
    yield from _confusions(
        ensembles, screen, whole="each run, test and interval, and the ensembles' confusion matrices"
    )


def _first_screen(pairs: Sequence[Pair], best: str, screen: Screen) -> Sequence[Pair]:
    """Return the pairs; if brief and many, only some with the best run."""
    if not screen.brief or len(pairs) <= MOST_PAIRS:
        return pairs
    return [pair for pair in pairs if best in (pair.a, pair.b)][:MOST_PAIRS]


def _verdicts(
    pairs: Sequence[PairedTest | RecipeTest], said: Iterable[str], screen: Screen
) -> Iterator[RenderableType]:
    for pair, sentence in zip(pairs, said, strict=True):
        yield Text(printable(sentence))
        if pair.networks and (len(pairs) == 1 or not screen.brief):
            yield Text(printable(f"The networks differ, {pair.a} → {pair.b}: {pair.networks}."), style="dim")


def _confusions(evaluations: Sequence[Evaluation], screen: Screen, *, whole: str) -> Iterator[RenderableType]:
    for evaluation in evaluations if len(evaluations) <= MOST_PAIRS or not screen.brief else ():
        if not screen.brief:
            yield screen.choose(confusion_tables(evaluation))
        yield worst_confusions(evaluation, screen, heading=f"{evaluation.run}, worst confusions")
    if screen.brief:
        others = "the other pairs, " if len(evaluations) > MOST_PAIRS else ""
        yield Text(f"-v shows {others}{whole}.", style="dim")
    elif len(evaluations) == 2:
        yield screen.choose(difference_tables(*evaluations))


def _side_by_side(comparison: Comparison, screen: Screen) -> Iterator[RenderableType]:
    evaluations = [run.evaluation for run in comparison.runs]
    names = {"run": [e.run for e in evaluations], "architecture": [short_arch(e.arch) for e in evaluations]}
    yield from _fact_tables(
        names | run_facts(comparison),
        title=f"On {evaluations[0].n:,} {evaluations[0].split} images",
        screen=screen,
        bold="accuracy",
        optional=("architecture", "training time", "loss (nats)", "parameters", "95 % interval"),
    )


def _groups_side_by_side(comparison: GroupComparison, screen: Screen) -> Iterator[RenderableType]:
    groups = comparison.groups
    facts = {
        "architecture": [short_arch(group.arch) for group in groups],
        "seeds": [str(len(group.seeds)) for group in groups],
        "mean accuracy": [percent(group.accuracies.mean) for group in groups],
        "deviation": [f"{points(group.accuracies.sd or 0)} points" for group in groups],
        "range": [interval((min(group.accuracies.values), max(group.accuracies.values))) for group in groups],
        "ensemble": [percent(group.ensemble.accuracy) for group in groups],
        "parameters": [f"{group.parameters:,}" for group in groups],
        "mean training time": [seconds(_mean_seconds(group)) for group in groups],
    }
    yield from _fact_tables(
        {"group": [group.group for group in groups]} | facts,
        title=f"On {comparison.n:,} {comparison.split} images",
        screen=screen,
        bold="mean accuracy",
        optional=("architecture", "mean training time", "parameters", "seeds", "range"),
    )


def _fact_tables(
    facts: Mapping[str, Sequence[str]], *, title: str, screen: Screen, bold: str, optional: tuple[str, ...]
) -> Iterator[RenderableType]:
    """Yield tables, widest first: a column per run, then a row per run.

    For three or more runs, a brief terminal gets only the second.

    Args:
        facts: The values by fact; the first fact is the names.
        title: The table's title.
        screen: Where it is shown.
        bold: The fact to emphasise.
        optional: Facts that a narrow terminal may leave out.
    """
    (first, names), *rest = facts.items()
    if len(names) == 2 or not screen.brief:
        columns = make_table("", *names, title=title, numbers=len(names))
        for fact, values in rest:
            columns.add_row(fact, *values, style="bold" if fact == bold else None)
        yield columns
    lines = make_table(*facts, title=title, numbers=len(rest), optional=optional, folding={first: 28})
    for values in zip(*facts.values(), strict=True):
        lines.add_row(*values)
    lines.show_edge = not screen.brief
    yield lines


def _pairs(comparison: Comparison) -> RenderableType:
    table = make_table(
        *("A", "B", "both right", "only A", "only B", "both wrong", "p (McNemar)", "p (Holm)"),
        numbers=6,
        folding={"A": 16, "B": 16},
    )
    for pair in comparison.pairs:
        counts = (pair.both_right, pair.only_a_right, pair.only_b_right, pair.both_wrong)
        table.add_row(pair.a, pair.b, *(f"{n:,}" for n in counts), f"{pair.p_value:.2g}", f"{pair.p_holm:.2g}")
    return table


def _evidence(test: RecipeTest) -> RenderableType:
    """Return a pair's tests and intervals, and what each covers."""
    facts = make_facts(f"{test.a} minus {test.b}")
    facts.add_row("difference", f"{points(test.difference)} points")
    facts.add_row(
        "over seeds",
        f"95 % interval {_span(test.welch_ci95)} points on these images (Welch's t = {test.welch_t:.2f}, "
        f"{p_text(test.welch_p)})",
    )
    facts.add_row("over both", f"95 % interval {_span(test.bootstrap_ci95)} points (pigeonhole bootstrap)")
    facts.add_row("variance", f"seeds {percent(test.seeds_share, 0)}, images {percent(test.images_share, 0)}")
    facts.add_row(
        "permutations",
        f"{p_text(test.p_value)} of {test.permutations:,} (smallest possible {test.smallest_p:.2g}); corrected by "
        f"Holm {p_text(test.p_holm)}",
    )
    low, high = test.probability_ci95
    meaning = "a meaningful difference" if test.meaningful else "not a meaningful difference"
    facts.add_row("a new run wins", f"with probability {test.probability:.2f} ({low:.2f} to {high:.2f}): {meaning}")
    facts.add_row(
        "equivalence",
        f"within {points(test.margin)} points, over seeds on these images: {p_text(test.p_equivalence)}",
    )
    return facts


def _span(bounds: tuple[float, float]) -> str:
    return " to ".join(map(points, bounds))


def _mean_seconds(group: ComparedGroup) -> float | None:
    known = [value for value in group.train_seconds if value is not None]
    return fmean(known) if known else None
