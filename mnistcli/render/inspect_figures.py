"""The figures of `inspect`; on every colour scale zero is in the middle."""

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
from mnistcli.render.pixels import mosaic
from mnistcli.render.style import SMALL, colours, draw_picture, new_figure, short, text_on, write_title
from mnistcli.render.tables import percent, shape
from mnistcli.render.view import shortened
from mnistcli.results.inspect import FeatureMap, Filmstrip, Inspection, LayerOutput

WIDTH = 11.0  # inches
MOST_COLUMNS, FEWEST_COLUMNS = 16, 8  # pictures in a row
ROOM = 0.82 * WIDTH  # width of a row of pictures in inches
ROW_HEIGHT, MAP_HEIGHT, TITLE_HEIGHT = 0.4, 6.0, 0.42  # inches
MOST_IN_LEGEND = 30  # classes


def inspection(inspected: Inspection, *, theme: str = "light") -> Figure:
    """Draw the filters, each layer's output for the image, and the map of the penultimate layer."""
    filters, layers = tiles(inspected.filters)[:MOST_FILTERS], drawn_layers(inspected)
    heights = [max(1.3, _height(filters)), *(_height(maps(layer)[:MOST_COLUMNS]) for layer in layers), MAP_HEIGHT]
    every = [each for each in inspected.layers if each.kind not in SAME]
    left_out = f"Maps of {len(layers)} of {len(every)} layers." if len(layers) < len(every) else ""
    with new_figure(WIDTH, sum(heights), theme) as figure:
        write_title(figure, f"{shortened(inspected.run, 40)}: {said_of_image(inspected)}", left_out)
        parts: Any = figure.subfigures(len(heights), 1, height_ratios=heights)
        _draw_filters(parts[0], inspected, filters)
        for part, layer in zip(parts[1:-1], layers, strict=True):
            _draw_layer(part, layer)
        _name_classes(parts[-2].axes[0], inspected.class_names)
        _draw_map(parts[-1].subplots(), inspected.map, inspected.class_names)
    return figure


def filmstrip(strip: Filmstrip, *, theme: str = "light") -> Figure:
    """Draw the first layer's filters: a row for each filter, a column for each epoch."""
    chosen = evenly([*zip(strip.epochs, strip.frames, strict=True)], MOST_FRAMES)
    frames = [tiles(frame)[:MOST_ROWS] for _, frame in chosen]
    n, names = len(frames[0]), strip.frames[0].names
    picture = mosaic([frame[i] for i in range(n) for frame in frames], len(frames))
    side = 0.75
    height, width = frames[0][0].shape
    shown = f" ({n} shown)" if n < len(names) else ""
    figure_width = max(4.5, side * len(frames) + 1.8)
    with new_figure(figure_width, side * _aspect(picture) * len(frames) + 1, theme) as figure:
        write_title(figure, f"{shortened(strip.run, 40)}, {heading(strip.frames[0])}{shown}")
        axes = figure.subplots()
        _draw_signed(figure, axes, picture, largest(each for frame in frames for each in frame), label="weight")
        middles = [(width + 1) * i + (width - 1) / 2 for i in range(len(frames))]
        axes.set_xticks(middles, [str(epoch) for epoch, _ in chosen])
        axes.set_yticks([(height + 1) * i + (height - 1) / 2 for i in range(n)], map(short, names[:n]))
        axes.tick_params(length=0)
        axes.set(xlabel="epoch", ylabel=strip.frames[0].kind)
    return figure


def _columns(pictures: Sequence[np.ndarray]) -> int:
    return min(MOST_COLUMNS, max(FEWEST_COLUMNS, len(pictures)))


def _aspect(picture: np.ndarray) -> float:
    return picture.shape[0] / picture.shape[1]


def _height(pictures: Sequence[np.ndarray]) -> float:
    """Return the height in inches of pictures and their title."""
    if len(pictures[0]) == 1:
        return ROW_HEIGHT + TITLE_HEIGHT
    return ROOM * _aspect(mosaic(pictures, _columns(pictures))) + TITLE_HEIGHT


def _draw_filters(part: FigureBase, inspected: Inspection, pictures: Sequence[np.ndarray]) -> None:
    shown, axes = part.subplots(1, 2, width_ratios=(1, 12))
    draw_picture(shown, inspected.image.picture)
    shown.set(title="image", anchor="N")
    filters = inspected.filters
    columns = _columns(pictures)
    _draw_signed(part, axes, mosaic(pictures, columns), largest(filters.values), label="weight")
    left_out = f" ({len(pictures)} shown)" if len(pictures) < len(filters.names) else ""
    axes.set_title(f"{heading(filters)}{left_out}")
    if filters.names == inspected.class_names:
        _, width = pictures[0].shape
        for i, name in enumerate(filters.names[: len(pictures)]):
            top, left = i // columns * (len(pictures[0]) + 1), i % columns * (width + 1)
            axes.text(left, top, shortened(name, 8), size=SMALL, va="top", color=text_on(colours().signed(0.5)))


def _draw_layer(part: FigureBase, layer: LayerOutput) -> None:
    pictures, axes = maps(layer), part.subplots()
    is_row = layer.values.ndim != 3
    shown = pictures[:MOST_COLUMNS]
    picture = pictures[0] if is_row else mosaic(shown, _columns(shown))
    _draw_signed(part, axes, picture, largest(pictures), label="", aspect="auto" if is_row else "equal")
    left_out = f" ({len(shown)} of {len(pictures)} channels shown)" if len(shown) < len(pictures) else ""
    axes.set_title(f"{layer.name}: {layer.kind}, {shape(layer.values.shape)}{left_out}")


def _name_classes(axes: Axes, class_names: Sequence[str]) -> None:
    """Label the logits with their classes, if there is room."""
    if len(class_names) <= MOST_IN_LEGEND:
        names = [shortened(name, 8) for name in class_names]
        axes.set_xticks(range(len(names)), names)
        axes.tick_params(length=0)


def _draw_signed(
    figure: FigureBase, axes: Axes, picture: np.ndarray, most: float, *, label: str, aspect: str = "equal"
) -> None:
    image = axes.imshow(picture, cmap=colours().signed, vmin=-most, vmax=most, aspect=aspect, interpolation="nearest")  # type: ignore[arg-type]
    axes.set(xticks=(), yticks=(), anchor="W")
    axes.spines[:].set_visible(aspect != "equal")
    figure.colorbar(image, ax=axes, label=label, ticks=[-most, 0, most], format="%.2g", fraction=0.02, pad=0.01)


def _draw_map(axes: Axes, points: FeatureMap, class_names: Sequence[str]) -> None:
    for label, (name, colour) in enumerate(zip(class_names, class_colours(len(class_names)), strict=True)):
        chosen = points.points[points.labels == label]
        if len(chosen):
            axes.scatter(chosen[:, 0], chosen[:, 1], s=9, color=colour, label=short(name), linewidths=0)
    ring: Any = {"s": 40, "facecolors": "none", "edgecolors": colours().ink, "linewidths": 0.6}
    wrong = points.points[points.wrong]
    axes.scatter(wrong[:, 0], wrong[:, 1], label=f"misread: {points.wrong.sum()}", **ring)
    first, second = (f"{percent(share, 1)} of the variance" for share in points.explained)
    axes.set(xlabel=f"first principal axis, {first}", ylabel=f"second principal axis, {second}")
    axes.set_title(f"{points.layer}, {len(points.points):,} test images")
    if len(class_names) <= MOST_IN_LEGEND:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=1.5)


def class_colours(n: int) -> list[Any]:
    """Return a colour for each of n classes; up to ten are distinct."""
    if n <= len(CLASS_COLOURS):
        return [*CLASS_COLOURS[:n]]
    return [*colormaps["turbo"](np.linspace(0.02, 0.98, n))]
