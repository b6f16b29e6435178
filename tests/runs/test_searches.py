from pathlib import Path

from mnistcli.models import configure
from mnistcli.results.tune import COMPLETE, Trial
from mnistcli.runs import RunsFolder
from mnistcli.runs.searches import Search, add_trial, choose_again, join_search


def join(folder: Path, *, most_trials: int = 5) -> Search:
    config = configure("dense")
    return join_search(
        RunsFolder(folder), config, name=None, space=(), provenance={}, most_trials=most_trials, most_seconds=None
    )


def test_processes_that_ask_for_the_same_search_get_one_and_what_the_others_added(tmp_path: Path) -> None:
    ours, theirs, other = join(tmp_path), join(tmp_path), join(tmp_path, most_trials=6)
    assert ours.path == theirs.path != other.path
    trials = [Trial(number, 0, {}, COMPLETE, (0.9,), 1.0) for number in (0, 1)]
    add_trial(ours, trials[0], seconds=2.0)
    both = add_trial(theirs, trials[1], seconds=1.0)
    assert (both.trials, both.seconds) == (tuple(trials), 2.0)


def test_the_first_choice_of_what_is_trained_again_holds_for_every_process(tmp_path: Path) -> None:
    search = join(tmp_path)
    assert choose_again(search, lambda: [0, 3]) == (0, 3)
    assert choose_again(search, lambda: [0, 4]) == (0, 3)
