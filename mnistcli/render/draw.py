"""The page to draw on, and the parts of an answer that it shows."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mnistcli.render.html import make_environment
from mnistcli.render.pixels import mosaic, png_address
from mnistcli.render.view import View
from mnistcli.results.draw import DrawingAnswer, Pad
from mnistcli.results.predict import NONE

MOST_MAPS, MAPS_A_ROW = 16, 8  # of a layer
STEP_PIXELS, MAP_PIXELS = 128, 1_000  # most of a picture on the page
FOR, AGAINST = (230, 97, 1), (0, 114, 206)  # colours of the pixels that support an answer, and that oppose it


def pad_view(pad: Pad) -> View:
    """Return the page's address in all formats."""
    facts = {"address": pad.address, "runs": list(pad.runs), "folder": str(pad.folder)}
    return View(
        schema="mnistcli.draw/1",
        document=lambda: facts,
        rows=lambda: [facts | {"runs": " ".join(pad.runs)}],
        terminal=lambda _: [f"Draw at {pad.address}"],
        text=lambda: f"{pad.address}\n",
        record=True,
    )


def drawing_page(runs: Sequence[str], counts: Mapping[str, int], *, quota: int) -> tuple[str, str]:
    """Return the page as HTML, and its Content-Security-Policy: only its own script runs.

    Args:
        runs: The names of the runs that answer.
        counts: The number of saved drawings per class.
        quota: The most that may be saved.
    """
    nonce = secrets.token_urlsafe(16)
    config = {"classes": [*counts], "counts": counts, "quota": quota}
    template = make_environment().get_template("draw.html")
    text = template.render(config=config, runs=runs, explains=True, nonce=nonce)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def answer_document(answer: DrawingAnswer) -> dict[str, Any]:
    """Return the parts of one run's answer that the page shows."""
    prediction = answer.prediction
    top = prediction.top
    (label, confidence), shares = top[0], dict(top)
    order = [*prediction.class_names, *([NONE] if prediction.rejects else [])]
    return {
        "run": answer.run,
        "label": label,
        "confidence": confidence,
        "likeliest": max(prediction.class_names, key=lambda name: shares[name]),
        "shares": [shares[name] for name in order],
        "steps": [[name, png_address(_pixels(step), most=STEP_PIXELS)] for name, step in answer.steps],
        "saliency": None if answer.saliency is None else _saliency(answer.saliency),
        "layers": [
            [layer.name, layer.kind, png_address(_maps(layer.values), most=MAP_PIXELS)]
            for layer in answer.layers
            if layer.values.ndim == 3
        ],
    }


def _pixels(step: np.ndarray) -> np.ndarray:
    """Return a step's ink [height, width] 0 to 1, or its pixels, as [height, width, channels] of 0 to 255."""
    return 255 * step[..., None] if step.ndim == 2 else step


def _saliency(values: np.ndarray) -> str:
    """Return an overlay for the network's input: the more a pixel counts, the more opaque it is."""
    opaque = np.abs(values) / (float(np.abs(values).max()) or 1)
    colour = np.where(values[..., None] > 0, FOR, AGAINST)
    return png_address(np.concatenate([colour, 255 * opaque[..., None]], -1), most=MAP_PIXELS)


def _maps(values: np.ndarray) -> np.ndarray:
    """Return the first maps of a layer's output [height, width, channels] side by side, on one scale of greys."""
    values = values[..., :MOST_MAPS]
    low, high = float(values.min()), float(values.max())
    greys = np.moveaxis(255 * (values - low) / ((high - low) or 1), -1, 0)
    grey = mosaic([*greys], min(len(greys), MAPS_A_ROW))
    return np.dstack([*[np.nan_to_num(grey)] * 3, np.where(np.isnan(grey), 0, 255)])
