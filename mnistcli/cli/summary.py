"""mnistcli summary."""

from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.cli.face import Face
from mnistcli.cli.options import Plot, RunsDir, Theme, check_plot
from mnistcli.config import RUNS_DIR
from mnistcli.models import RECIPES, arch_key, description, is_architecture, is_flax

if TYPE_CHECKING:
    from mnistcli.results.summary import ModelSummary

EXAMPLES = [
    "mnistcli summary cnn --plot cnn.png",
    "mnistcli summary dense-001",
    'mnistcli summary "conv 16 3x3, norm, relu, pool 2, residual(conv 16 3x3 same, relu), mean"',
]
ARCH_HELP = f"An architecture ({', '.join(RECIPES)}, or its layers in one line) or a run."
MNIST_SHAPE, MNIST_CLASSES = (28, 28, 1), 10


def summary(
    face: Face,
    *,
    model: Annotated[str, typer.Argument(metavar="ARCH|RUN", help=ARCH_HELP)],
    plot: Plot = None,
    theme: Theme = "light",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show a network layer by layer: output shapes, parameters, multiply-accumulates, receptive field."""
    check_plot(plot)

    from mnistcli.models.language import describe, describe_sizes
    from mnistcli.render.summary import summary_view
    from mnistcli.runs import RunsFolder, load_model

    if is_flax(model):
        described = _describe_flax(face, model)
    elif is_architecture(model):
        described = describe(model, description(model) or "", MNIST_SHAPE, MNIST_CLASSES)
    else:
        found = RunsFolder(runs_dir).find(model)
        face.note(f"Describing run {found.name}.")
        stored = load_model(found.weights)
        if stored.network is None:
            sizes = {path: stored.arrays[path].size for path in stored.trained}
            described = describe_sizes(stored.arch, sizes, stored.image_shape)
        else:
            described = describe(stored.arch, stored.network, stored.image_shape, len(stored.class_names))
    if plot is not None:
        from mnistcli.render import figures

        face.save_figure(figures.diagram(described, theme=theme), plot)
    face.show(summary_view(described))


def _describe_flax(face: Face, arch: str) -> "ModelSummary":
    from mnistcli.jax_setup import set_up

    set_up("cpu", notify=face.note)  # only shapes are inferred; nothing is computed

    from mnistcli.models.flax_file import load_source

    load_source(arch)

    from mnistcli.models.language import describe_sizes
    from mnistcli.models.network import define, flatten

    params = flatten(define(arch_key(arch), MNIST_SHAPE, MNIST_CLASSES).parts.params)
    return describe_sizes(arch, {path: leaf.size for path, leaf in params.items()}, MNIST_SHAPE)
