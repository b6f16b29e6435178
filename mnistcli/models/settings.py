"""The settings of a training by name: where each one's value comes from, and the TOML files that hold them."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mnistcli.config import RATES, SETTINGS, DataChoice, Hyper, TrainConfig
from mnistcli.declaration import declared
from mnistcli.errors import UsageError, suggestion
from mnistcli.files import read_bounded
from mnistcli.models.recipes import configure, find_recipe, is_flax, recipe_for
from mnistcli.optimizers import OPTIMIZERS

MOST_BYTES = 2**20
KEYS = {each.key: each for each in SETTINGS.values()}  # by the name that a file and the output have
SEARCHABLE = {key: each for key, each in KEYS.items() if each.name in declared(Hyper) and key != "epochs"}
KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list of text"}
# Where one of these becomes another, the values that were chosen for the one before are dropped.
DEPENDENT = {
    "optimizer": RATES,
    "dataset": tuple(name for name in declared(DataChoice) if name != "dataset"),
}


@dataclass(frozen=True)
class Setting:
    """A value, and where it comes from.

    Attributes:
        origin: "flag", "file" (of --config), "like" (a run), "from" (a run), "recipe" (the architecture's), "optimizer"
            (its own rate), "environment" or "default".
    """

    value: Any
    origin: str


Settings = Mapping[str, Setting]  # by attribute of TrainConfig


def in_order(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> Settings:
    """Return what layers of values, each with its origin, come to; a later one wins.

    Another optimizer than before brings its own learning rate and weight decay, and another data set is taken as it is.
    """
    settings: dict[str, Setting] = {}
    for origin, values in layers:
        for name, dependents in DEPENDENT.items():
            if name in settings and values.get(name, settings[name].value) != settings[name].value:
                settings = {key: setting for key, setting in settings.items() if key not in dependents}
        settings |= {name: Setting(value, origin) for name, value in values.items()}
    return settings


def given_by(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that a configuration gives; what it leaves open is left out."""
    values = config.as_dict()
    return {name: values[name] for name in SETTINGS if values[name] not in (None, ())}


def configured(settings: Settings) -> TrainConfig:
    """Return the configuration that has these settings, and for the rest its architecture's recipe.

    Raises:
        UsageError: A value is unknown or out of its range, or only another run or a file names a path to open or code
            to execute.
    """
    arch, dataset = settings["arch"], settings.get("dataset")
    if is_flax(arch.value) and arch.origin != "flag":
        raise UsageError(f"The network is code, which is executed only where you name it: add --arch {arch.value}.")
    values = {name: setting.value for name, setting in settings.items()}
    data = DataChoice(**{name: values.pop(name) for name in declared(DataChoice) if name in values})
    if data.is_path and dataset and dataset.origin != "flag":
        raise UsageError(
            f"A path is opened as a data set only where you name it: add --dataset {shlex.quote(data.dataset)}."
        )
    return configure(**values, data=data)


def complete(config: TrainConfig, settings: Settings) -> dict[str, Setting]:
    """Return every setting of a configuration by its name in files, with the origin of its value."""
    recipe, optimizer, values = find_recipe(config.arch).hyper, config.hyper.optimizer, config.as_dict()

    def origin(name: str) -> str:
        if name in settings:
            return settings[name].origin
        if name in RATES and (optimizer != recipe.optimizer or values[name] == getattr(OPTIMIZERS[optimizer], name)):
            return "optimizer"
        return "recipe" if name in declared(Hyper) else "default"

    return {key: Setting(values[each.name], origin(each.name)) for key, each in KEYS.items()}


def train_command(
    config: TrainConfig, *, base: TrainConfig | None = None, source: str | None = None
) -> tuple[str, ...]:
    """Return the words of the command that trains with a configuration, but for its seed.

    What another data set than MNIST needs is spelled out, and of the rest all in which it differs from `base`, or all.
    `source` is where the file of a class in Flax is, as FILE.py:CLASS.
    """
    words, values = ["mnistcli", "train"], config.as_dict()
    usual = (base.as_dict() if base else {}) | asdict(DataChoice())
    for name, each in SETTINGS.items():
        value = values[name]
        if name == "arch":
            words += [each.flag, source or value]
        elif name == "seed" or value in (None, ()) or (name in usual and value == usual[name]):
            continue
        elif isinstance(value, bool):
            words.append(each.flag if value else each.flag.replace("--", "--no-"))
        else:
            words += [each.flag, ",".join(value) if isinstance(value, tuple) else str(value)]
    return tuple(words)


def recipe_of(config: TrainConfig) -> TrainConfig:
    """Return what the architecture's recipe has in place of a configuration's settings.

    The learning rate and weight decay are what the configuration's optimizer has where nobody gives them.
    """
    recipe = recipe_for(config.arch, config.data).hyper
    usual = replace(recipe.changed({"optimizer": config.hyper.optimizer}), optimizer=recipe.optimizer)
    return replace(config, hyper=usual, limit=None, start=None, freeze=(), rejects=False)


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings that a TOML file gives, by attribute of TrainConfig.

    Raises:
        UsageError: The file cannot be read or is not TOML, or a key is unknown or has a value of the wrong type.
    """
    import tomllib  # 3 ms that most commands do not need

    try:
        content = tomllib.loads(read_bounded(path, most=MOST_BYTES).decode())
    except OSError as error:
        raise UsageError(f"--config {str(path)!r} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--config {str(path)!r} is not TOML: {str(error).rstrip('.')}.") from error
    settings: dict[str, Any] = {}
    for written, value in content.items():
        key = written.replace("-", "_")
        if key not in KEYS:
            near = suggestion(key, KEYS)
            raise UsageError(f"{path}: {written!r} is not a setting ('mnistcli train --print-config' lists them){near}")
        if KEYS[key].name in settings:
            raise UsageError(f"{path} sets {key!r} twice, with '-' and with '_'.")
        settings[KEYS[key].name] = _checked(path, written, value, KEYS[key].kind)
    return settings


def _checked(path: Path, key: str, value: Any, kind: type) -> Any:
    if kind is float and type(value) is int and abs(value) < 2**53:
        value = float(value)
    if kind is tuple and isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = tuple(value)
    if type(value) is not kind:
        raise UsageError(f"{path}: {key} must be {KINDS[kind]}, not {value!r}.")
    return value
