"""The figures of `inspect`: every picture on a scale with zero in the middle."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from mnistcli.render.inspect import (
    CLASS_COLOURS,
    MOST_FILTERS,
    MOST_FRAMES,
    MOST_ROWS,
    SAME,
    drawn_layers,
    evenly,
    heading,
    largest,
    maps,
    said_of_image,
    tiles,
)
from mnistcli.render.tables import percent, shape
from mnistcli.render.view import shortened
from mnistcli.results.inspect import FeatureMap, Filmstrip, Inspection, LayerOutput

SCALE = "RdBu_r"
WIDTH = 11.0  # inches
MOST_COLUMNS, FEWEST_COLUMNS = 16, 8  # pictures in a row
ROOM = 0.82 * WIDTH  # inches that a row of pictures is wide
ROW_HEIGHT, MAP_HEIGHT, TITLE_HEIGHT = 0.4, 6.0, 0.42  # inches
MOST_IN_LEGEND = 30  # classes
LONGEST = 20  # characters of a class's name


def inspection(inspected: Inspection) -> Figure:
    """Draw the filters, what each layer makes of the image, and the map of the penultimate layer."""
    filters, layers = tiles(inspected.filters)[:MOST_FILTERS], drawn_layers(inspected)
    heights = [max(1.3, _height(filters)), *(_height(maps(layer)[:MOST_COLUMNS]) for layer in layers), MAP_HEIGHT]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), layout="constrained")
    parts: Any = figure.subfigures(len(heights), 1, height_ratios=heights)
    _draw_filters(parts[0], inspected, filters)
    for part, layer in zip(parts[1:-1], layers, strict=True):
        _draw_layer(part, layer)
    _name_classes(parts[-2].axes[0], inspected.class_names)
    _draw_map(parts[-1].subplots(), inspected.map, inspected.class_names)
    every = [each for each in inspected.layers if each.kind not in SAME]
    left_out = f"; maps of {len(layers)} of {len(every)} layers" if len(layers) < len(every) else ""
    figure.suptitle(f"{shortened(inspected.run, 40)}: {said_of_image(inspected)}{left_out}", size=12)
    return figure


def filmstrip(strip: Filmstrip) -> Figure:
    """Draw the first layer's filters: a row for each filter, a column for each epoch."""
    chosen = evenly([*zip(strip.epochs, strip.frames, strict=True)], MOST_FRAMES)
    frames = [tiles(frame)[:MOST_ROWS] for _, frame in chosen]
    n, names = len(frames[0]), strip.frames[0].names
    picture = mosaic([frame[i] for i in range(n) for frame in frames], len(frames))
    side = 0.75
    figure = Figure(
        figsize=(max(4.5, side * len(frames) + 1.8), side * _aspect(picture) * len(frames) + 1.4), layout="constrained"
    )
    axes = figure.subplots()
    _draw_signed(figure, axes, picture, largest(each for frame in frames for each in frame), label="weight")
    height, width = frames[0][0].shape
    axes.set_xticks(
        [(width + 1) * i + (width - 1) / 2 for i in range(len(frames))], [str(epoch) for epoch, _ in chosen]
    )
    axes.set_yticks(
        [(height + 1) * i + (height - 1) / 2 for i in range(n)], [shortened(name, LONGEST) for name in names[:n]]
    )
    axes.tick_params(length=0)
    shown = f" ({n} shown)" if n < len(names) else ""
    axes.set(xlabel="epoch", ylabel=strip.frames[0].kind)
    figure.suptitle(f"{shortened(strip.run, 40)}\n{heading(strip.frames[0])}{shown}", size=11)
    return figure


def mosaic(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Return pictures [height, width] or [height, width, channels] in rows of so many, a pixel apart.

    What is between them is NaN.
    """
    height, width, *channels = pictures[0].shape
    rows = -(-len(pictures) // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, *channels), np.nan)
    for i, picture in enumerate(pictures):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def _columns(pictures: Sequence[np.ndarray]) -> int:
    return min(MOST_COLUMNS, max(FEWEST_COLUMNS, len(pictures)))


def _aspect(picture: np.ndarray) -> float:
    return picture.shape[0] / picture.shape[1]


def _height(pictures: Sequence[np.ndarray]) -> float:
    """Return how many inches pictures take with their title."""
    if len(pictures[0]) == 1:
        return ROW_HEIGHT + TITLE_HEIGHT
    return ROOM * _aspect(mosaic(pictures, _columns(pictures))) + TITLE_HEIGHT


def _draw_filters(part: FigureBase, inspected: Inspection, pictures: Sequence[np.ndarray]) -> None:
    shown, axes = part.subplots(1, 2, width_ratios=(1, 12))
    _draw_picture(shown, inspected.image.picture)
    filters = inspected.filters
    columns = _columns(pictures)
    _draw_signed(part, axes, mosaic(pictures, columns), largest(filters.values), label="weight")
    left_out = f" ({len(pictures)} shown)" if len(pictures) < len(filters.names) else ""
    axes.set_title(f"{heading(filters)}{left_out}", size=10, loc="left")
    if filters.names == inspected.class_names:
        _, width = pictures[0].shape
        for i, name in enumerate(filters.names[: len(pictures)]):
            top, left = i // columns * (len(pictures[0]) + 1), i % columns * (width + 1)
            axes.text(left, top, shortened(name, 8), size=7, va="top")


def _draw_layer(part: FigureBase, layer: LayerOutput) -> None:
    pictures, axes = maps(layer), part.subplots()
    is_row = layer.values.ndim != 3
    shown = pictures[:MOST_COLUMNS]
    picture = pictures[0] if is_row else mosaic(shown, _columns(shown))
    _draw_signed(part, axes, picture, largest(pictures), label="", aspect="auto" if is_row else "equal")
    left_out = f" ({len(shown)} of {len(pictures)} channels shown)" if len(shown) < len(pictures) else ""
    axes.set_title(f"{layer.name}: {layer.kind}, {shape(layer.values.shape)}{left_out}", size=10, loc="left")


def _name_classes(axes: Axes, class_names: Sequence[str]) -> None:
    """Say under the logits which class each is for, where there is room."""
    if len(class_names) <= MOST_IN_LEGEND:
        names = [shortened(name, 8) for name in class_names]
        axes.set_xticks(range(len(names)), names, size=8)
        axes.tick_params(length=0)


def _draw_picture(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=(), yticks=(), anchor="N")
    axes.set_title("image", size=10, loc="left")


def _draw_signed(
    figure: FigureBase, axes: Axes, picture: np.ndarray, most: float, *, label: str, aspect: str = "equal"
) -> None:
    image = axes.imshow(picture, cmap=SCALE, vmin=-most, vmax=most, aspect=aspect, interpolation="nearest")  # type: ignore[arg-type]
    axes.set(xticks=(), yticks=(), anchor="W")
    axes.spines[:].set_visible(aspect != "equal")
    bar = figure.colorbar(image, ax=axes, label=label, ticks=[-most, 0, most], format="%.2g", fraction=0.02, pad=0.01)
    bar.ax.tick_params(labelsize=7)


def _draw_map(axes: Axes, points: FeatureMap, class_names: Sequence[str]) -> None:
    colours = class_colours(len(class_names))
    for label, name in enumerate(class_names):
        chosen = points.points[points.labels == label]
        if len(chosen):
            axes.scatter(
                chosen[:, 0], chosen[:, 1], s=9, color=colours[label], label=shortened(name, LONGEST), linewidths=0
            )
    wrong = points.points[points.wrong]
    axes.scatter(
        wrong[:, 0],
        wrong[:, 1],
        s=40,
        facecolors="none",
        edgecolors="black",
        linewidths=0.6,
        label=f"read wrong: {len(wrong)}",
    )
    first, second = (f"{percent(share, 1)} of the variance" for share in points.explained)
    axes.set(xlabel=f"first principal axis, {first}", ylabel=f"second principal axis, {second}")
    axes.set_title(f"{points.layer}, {len(points.points):,} test images", size=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    if len(class_names) <= MOST_IN_LEGEND:
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), markerscale=1.5)


def class_colours(n: int) -> list[Any]:
    """Return a colour for each of n classes, alike for none while they are at most ten."""
    if n <= len(CLASS_COLOURS):
        return [*CLASS_COLOURS[:n]]
    return [*colormaps["turbo"](np.linspace(0.02, 0.98, n))]
