"""mnistcli summary."""

from typing import Annotated

import typer

from mnistcli.cli.face import Face
from mnistcli.cli.options import Plot, RunsDir, check_plot
from mnistcli.config import RUNS_DIR
from mnistcli.models import RECIPES, description, is_architecture

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
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show a network layer by layer: output shapes, parameters, multiply-accumulates, receptive field."""
    check_plot(plot)

    from mnistcli.models.language import describe
    from mnistcli.render.model import summary_view
    from mnistcli.runs import RunsFolder, load_model

    if is_architecture(model):
        described = describe(model, description(model), MNIST_SHAPE, MNIST_CLASSES)
    else:
        found = RunsFolder(runs_dir).find(model)
        face.note(f"Describing run {found.name}.")
        stored = load_model(found.weights)
        described = describe(stored.arch, stored.network, stored.image_shape, len(stored.class_names))
    if plot is not None:
        from mnistcli.render import figures

        face.save_figure(figures.diagram(described), plot)
    face.show(summary_view(described))
