"""How a network's filters and layer outputs are shown."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.pixels import GAP, draw_signed, flow, has_colour, shrink
from mnistcli.render.screen import Screen, left_out
from mnistcli.render.tables import make_facts, make_table, percent, shape, short_arch
from mnistcli.render.view import Row, View, counted, label_value, printable, shortened
from mnistcli.results.inspect import FeatureMap, Filmstrip, Filters, Inspection, LayerOutput

MOST_FILTERS = 64  # most that are drawn
MOST_LAYERS = 12  # most with drawn maps
MOST_NUMBERS = 10_000  # of filters, in JSON
MOST_FRAMES, MOST_ROWS = 12, 16  # epochs and filters of a filmstrip
SAME = ("flatten", "dropout")  # layers that do not change their input's values
SMALL, PICTURE = 7, 14  # pixels: pictures up to SMALL are enlarged, larger than PICTURE shrunk
BESIDE = 13  # lines of a brief terminal besides filters and layers
LONGEST = 32  # characters of a name
MAP_SIZE = (76, 18)  # characters
SYMBOLS = digits + ascii_lowercase + ascii_uppercase
RINGED = dict(zip(SYMBOLS, "⓪①②③④⑤⑥⑦⑧⑨ⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩⒶⒷⒸⒹⒺⒻⒼⒽⒾⒿⓀⓁⓂⓃⓄⓅⓆⓇⓈⓉⓊⓋⓌⓍⓎⓏ", strict=True))
OTHER, OTHER_RINGED = "•", "◉"
CLASS_COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip


def inspection_view(inspection: Inspection) -> View:
    """Return the inspection in all formats."""
    return View(
        schema="mnistcli.inspect/1",
        document=lambda: _document(inspection),
        rows=lambda: map(_layer, inspection.layers),
        terminal=lambda screen: _terminal(inspection, screen),
    )


def filmstrip_view(strip: Filmstrip) -> View:
    """Return the filters after each epoch, in all formats."""
    return View(
        schema="mnistcli.inspect-epochs/1",
        document=lambda: {
            "run": strip.run,
            "arch": strip.arch,
            **_filters_head(strip.frames[0]),
            "epochs": _rows(strip),
        },
        rows=lambda: _rows(strip),
        terminal=lambda _: _strip(strip),
    )


def heading(filters: Filters) -> str:
    """Return the filters' description, such as "conv1: 32 filters of 5 × 5"."""
    k, rows, columns, channels = filters.values.shape
    deep = f", {channels} channels side by side" if channels > 1 else ""
    return f"{filters.layer}: {counted(k, filters.kind)} of {rows} × {columns}{deep}"


def tiles(filters: Filters) -> list[np.ndarray]:
    """Return a picture [rows, columns] for each filter; its channels are side by side."""
    return [np.concatenate(np.moveaxis(each, -1, 0), axis=1) for each in filters.values]


def largest(values: Iterable[np.ndarray]) -> float:
    """Return the largest absolute value, or 1 if all are 0."""
    return float(max(np.abs(each).max() for each in values)) or 1.0


def drawn_layers(inspection: Inspection) -> list[LayerOutput]:
    """Return the layers with outputs to draw, evenly spaced if there are many."""
    layers = [each for each in inspection.layers if each.kind not in SAME]
    return evenly(layers, MOST_LAYERS)


def maps(layer: LayerOutput) -> list[np.ndarray]:
    """Return a layer's channels [rows, columns], or all its numbers in one row."""
    return [*np.moveaxis(layer.values, -1, 0)] if layer.values.ndim == 3 else [layer.values[None]]


def evenly(each: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` items, evenly spaced, with the first and last."""
    if len(each) <= most:
        return [*each]
    return [each[i] for i in np.linspace(0, len(each) - 1, most).round().astype(int)]


def said_of_image(inspection: Inspection) -> str:
    """Return the image's name and the network's answer."""
    image = inspection.image
    name, label, predicted = (shortened(each or "", LONGEST) for each in (image.name, image.label, image.predicted))
    return f"{name}{f', a {label}' if label else ''}, read as {predicted}"


def _document(inspection: Inspection) -> dict[str, Any]:
    image, filters, points = inspection.image, inspection.filters, inspection.map
    shown = max(1, min(MOST_FILTERS, MOST_NUMBERS // filters.values[0].size))
    return {
        "run": inspection.run,
        "arch": inspection.arch,
        "image": {
            "name": image.name,
            "label": None if image.label is None else label_value(image.label),
            "predicted": label_value(image.predicted),
        },
        "layers": [_layer(layer) | {"shape": list(layer.values.shape)} for layer in inspection.layers],
        "filters": _filters_head(filters)
        | {"names": list(filters.names[:shown]), "values": _rounded(filters.values[:shown])},
        "map": {
            "layer": points.layer,
            "explained": list(points.explained),
            "n": len(points.points),
            "wrong": int(points.wrong.sum()),
        },
    }


def _filters_head(filters: Filters) -> Row:
    return {"layer": filters.layer, "kind": filters.kind, "shape": list(filters.values.shape)}


def _rounded(values: np.ndarray) -> Any:
    return np.round(values.astype(float), 4).tolist()


def _layer(layer: LayerOutput) -> Row:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": "×".join(map(str, layer.values.shape)),
        **_range(layer.values),
    }


def _range(values: np.ndarray) -> Row:
    return {"min": float(values.min()), "max": float(values.max()), "mean": float(values.mean(dtype=np.float64))}


def _rows(strip: Filmstrip) -> list[Row]:
    """Return each epoch's numbers; `change` is the mean absolute change of a weight since the previous kept epoch."""
    befores = [None, *strip.frames[:-1]]
    return [
        {
            "epoch": epoch,
            **_range(frame.values),
            "change": None if before is None else float(np.abs(frame.values - before.values).mean()),
        }
        for epoch, frame, before in zip(strip.epochs, strip.frames, befores, strict=True)
    ]


def _terminal(inspection: Inspection, screen: Screen) -> Iterable[RenderableType]:
    """Yield filters, layers, their outputs and the map; if brief, only some filters and layers."""
    filters, points = inspection.filters, inspection.map
    facts = make_facts()
    facts.add_row("run", f"{inspection.run} ({short_arch(inspection.arch) if screen.brief else inspection.arch})")
    facts.add_row("image", said_of_image(inspection))
    yield facts
    yield _title(heading(filters), f"{_key(screen)}; up to ±{largest(filters.values):.2g}")
    of_classes = filters.names if filters.names == inspection.class_names else None
    drawn = [*_pictures(tiles(filters), screen, names=of_classes)]
    yield from drawn
    yield _title("Each layer's output for the image")
    if screen.brief:
        room = screen.height - BESIDE - sum(text.plain.count("\n") + 1 for text in drawn)
        layers = evenly(inspection.layers, max(2, room))
        yield _table(layers, show_edge=False)
        yield from left_out(len(inspection.layers) - len(layers), "layers")
        yield Text("-v shows the outputs as pictures, and a map of the test images.", "dim")
        return
    yield _table(inspection.layers)
    for layer in drawn_layers(inspection):
        if layer.values.ndim == 3:
            yield _title(f"{layer.name}: {layer.kind}", f"up to ±{largest(maps(layer)):.2g}")
            yield from _pictures(maps(layer), screen)
    said = f"{len(points.points):,} test images, {points.wrong.sum():,} misread (ringed)"
    plane = f"the plane in which they differ most: {percent(sum(points.explained), 1)} of the variance"
    yield _title(f"{points.layer}: {said}", plane)
    yield _map(points, inspection.class_names, screen)


def _title(text: str, detail: str = "") -> Text:
    return Text.assemble("\n", (printable(text), "bold"), (f"\n{detail}" if detail else "", "dim"))


def _key(screen: Screen) -> str:
    return (
        "blue is below zero, red above" if has_colour(screen) else "'-', '=', '≡' are below zero, '+', '*', '#' above"
    )


def _table(layers: Sequence[LayerOutput], *, show_edge: bool = True) -> RenderableType:
    table = make_table("layer", "kind", "output", "min", "mean", "max", numbers=4, optional=("kind",))
    table.show_edge = show_edge
    for layer in layers:
        numbers = _range(layer.values)
        table.add_row(
            layer.name,
            layer.kind,
            shape(layer.values.shape),
            *(f"{numbers[key]:.3g}" for key in ("min", "mean", "max")),
        )
    return table


def _pictures(pictures: Sequence[np.ndarray], screen: Screen, *, names: Sequence[str] | None = None) -> Iterable[Text]:
    """Yield pictures [height, width] on one scale; if brief, one row."""
    scale, (height, width) = largest(pictures), pictures[0].shape
    if width <= SMALL:
        pictures = [np.kron(each, np.ones((2, 2))) for each in pictures]
    elif max(height, width) > PICTURE:
        pictures = [each[..., 0] for each in shrink([each[..., None] for each in pictures], PICTURE)]
    most = MOST_FILTERS
    if screen.brief:
        most = min(most, max(1, (screen.width + GAP) // (pictures[0].shape[1] + GAP)))
    blocks = [
        [*draw_signed(each / scale, screen), Text(shortened(names[i], each.shape[1]) if names else "")]
        for i, each in enumerate(pictures[:most])
    ]
    yield from flow(blocks, width=screen.width)
    if len(pictures) > most:
        more = "-v or --plot shows more" if screen.brief else "--plot leaves them out, too"
        yield Text(f"{len(pictures) - most:,} of {len(pictures):,} are left out; {more}.", "dim")


def _map(points: FeatureMap, class_names: Sequence[str], screen: Screen) -> Text:
    """Return the images' classes at their places; a shared cell shows a misread one, else the most frequent."""
    columns, rows = min(screen.width, MAP_SIZE[0]), MAP_SIZE[1]
    low, high = points.points.min(0), points.points.max(0)
    places = (points.points - low) / np.where(high > low, high - low, 1)
    cells: dict[tuple[int, int], Counter[tuple[bool, int]]] = defaultdict(Counter)
    across = (places[:, 0] * (columns - 1)).round().astype(int).tolist()
    down = ((1 - places[:, 1]) * (rows - 1)).round().astype(int).tolist()
    for cell, wrong, label in zip(
        zip(down, across, strict=True), points.wrong.tolist(), points.labels.tolist(), strict=True
    ):
        cells[cell][wrong, label] += 1
    symbols, text = symbols_of(class_names), Text()
    for row in range(rows):
        for column in range(columns):
            counted = cells.get((row, column))
            text.append(*(_cell(counted, symbols) if counted else (" ", "")))
        text.append("\n")
    if symbols != [*class_names]:
        legend = (f"{symbol} {shortened(name, 16)}" for symbol, name in zip(symbols, class_names, strict=True))
        text.append("  ".join(legend), "dim")
    return text


def _cell(counted: Counter[tuple[bool, int]], symbols: Sequence[str]) -> tuple[str, str]:
    (wrong, label), _ = max(counted.items(), key=lambda each: (each[0][0], each[1]))
    symbol, colour = symbols[label], CLASS_COLOURS[label % len(CLASS_COLOURS)]
    return (RINGED.get(symbol, OTHER_RINGED), f"bold {colour} reverse") if wrong else (symbol, colour)


def symbols_of(class_names: Sequence[str]) -> list[str]:
    """Return a character for each class: its name if all are one letter or digit, else a symbol for its number."""
    if all(name in RINGED for name in class_names):
        return [*class_names]
    return [SYMBOLS[i] if i < len(SYMBOLS) else OTHER for i in range(len(class_names))]


def _strip(strip: Filmstrip) -> Iterable[RenderableType]:
    first = strip.frames[0]
    facts = make_facts()
    facts.add_row("run", f"{strip.run} ({strip.arch})")
    facts.add_row("filters", heading(first))
    facts.add_row("kept", f"{len(strip.epochs)} epochs, {strip.epochs[0]} to {strip.epochs[-1]}")
    yield facts
    table = make_table("epoch", "min", "mean", "max", "mean change", numbers=5)
    for row in _rows(strip):
        change = "" if row["change"] is None else f"{row['change']:.2g}"
        table.add_row(str(row["epoch"]), *(f"{row[key]:.3g}" for key in ("min", "mean", "max")), change)
    yield table
