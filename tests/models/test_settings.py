"""The command that trains with a configuration."""

from mnistcli.config import DataChoice
from mnistcli.models import configure
from mnistcli.models.settings import recipe_of, train_command


def test_the_command_spells_out_the_configuration() -> None:
    words = train_command(configure("dense", seed=3, limit=50))
    assert words[:4] == ("mnistcli", "train", "--arch", "dense")
    assert {"--lr", "--optimizer", "--no-augment", "--limit"} <= {*words}
    assert "--seed" not in words


def test_a_short_command_says_only_what_the_recipe_does_not() -> None:
    fashion = DataChoice(dataset="fashion_mnist")
    for config, words in (
        (configure("cnn"), ()),
        (configure("cnn", learning_rate=0.1), ("--lr", "0.1")),
        (configure("dense", optimizer="adam"), ("--optimizer", "adam")),
        (configure("dense", optimizer="adam", learning_rate=0.01), ("--optimizer", "adam", "--lr", "0.01")),
        (configure("convnet", augment=False, data=fashion), ("--dataset", "fashion_mnist", "--no-augment")),
    ):
        said = train_command(config, base=recipe_of(config))
        assert sorted(said) == sorted(("mnistcli", "train", "--arch", config.arch, *words))
