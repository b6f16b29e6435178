"""mnistcli export."""

from pathlib import Path
from typing import Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, RunsDir, check_writable
from mnistcli.config import RUNS_DIR
from mnistcli.errors import ExitCode, UsageError, unknown

FORMS = ("onnx", "stablehlo", "html")
EXAMPLES = [
    "mnistcli export cnn cnn.onnx",
    "mnistcli export builtin digits.onnx --json",
    "mnistcli export cnn cnn.stablehlo",
    "mnistcli export builtin page.html",
]


def export(
    face: Face,
    data: Data,
    compute: Compute,
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: .onnx, .stablehlo or .html.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="|".join(FORMS), help="The format.", show_default="by the suffix of FILE"),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Write a run's network to a file for other programs, and check that it answers the test images as JAX does.

    .onnx and .stablehlo: uint8 images (n, height, width, channels) in, logits and calibrated probabilities out. The
    metadata of .onnx has the class names, the image shape and the temperature. If an answer differs, the exit code is
    1.

    .html: a page to draw on that works offline, on any phone. It contains 20 test images, with which it checks its
    answers when you open it.
    """
    if to not in (None, *FORMS):
        raise UsageError(unknown("format", to, FORMS))
    if to and file.suffix.lower() in {f".{form}" for form in FORMS} - {f".{to}"}:
        raise UsageError(f"--to {to} contradicts the file's name, {file.name!r}.")
    check_writable(file, (file.suffix.lower(),) if to else tuple(f".{form}" for form in FORMS), name="The file")
    compute.start(face)

    from mnistcli.commands.export import export as export_run
    from mnistcli.commands.export import offline_network
    from mnistcli.render.export import export_view
    from mnistcli.render.offline import save_offline_page
    from mnistcli.runs import RunsFolder

    found = RunsFolder(runs_dir).find(run)
    choice = data.choice_for(found.name, found.data())
    face.note(f"Exporting run {found.name} and checking the file with test images of {choice.dataset}.")
    dataset, form = data.load(face, choice), to or file.suffix[1:].lower()
    if form == "html":
        exported = save_offline_page(offline_network(found, dataset), file)
    else:
        exported = export_run(found, dataset, file, form=form)
    face.show(export_view(exported))
    if exported.same_answers is not None and exported.same_answers < exported.images:
        face.complain(f"{exported.images - exported.same_answers:,} of {exported.images:,} answers differ from JAX's.")
        raise typer.Exit(ExitCode.FAILED)
