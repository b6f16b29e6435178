"""Data sets in TFDS that are shaped like MNIST, or nearly so: what `data list` shows."""

from dataclasses import replace

from mnistcli.datasets import cache
from mnistcli.results.data import KnownDataset

# Shapes, classes, images and megabytes to download, from the builders and checksums of tensorflow-datasets 4.9.
KNOWN = (
    KnownDataset("mnist", (28, 28, 1), 10, 60_000, 10_000, 0, "handwritten digits; inside the package"),
    KnownDataset("fashion_mnist", (28, 28, 1), 10, 60_000, 10_000, 31, "clothes"),
    KnownDataset("kmnist", (28, 28, 1), 10, 60_000, 10_000, 21, "cursive Japanese characters"),
    KnownDataset("emnist/balanced", (28, 28, 1), 47, 112_800, 18_800, 562, "letters and digits, equally many of each"),
    KnownDataset("emnist/byclass", (28, 28, 1), 62, 697_932, 116_323, 562, "letters and digits, unbalanced"),
    KnownDataset("emnist/bymerge", (28, 28, 1), 47, 697_932, 116_323, 562, "the same, with look-alike letters merged"),
    KnownDataset("emnist/letters", (28, 28, 1), 37, 88_800, 14_800, 562, "letters only"),
    KnownDataset("emnist/digits", (28, 28, 1), 10, 240_000, 40_000, 562, "four times as many digits"),
    KnownDataset("mnist_corrupted/shot_noise", (28, 28, 1), 10, 60_000, 10_000, 247, "MNIST with noise; 15 more such"),
    KnownDataset("cifar10", (32, 32, 3), 10, 50_000, 10_000, 170, "animals and vehicles, in colour"),
    KnownDataset("cifar100", (32, 32, 3), 100, 50_000, 10_000, 169, "the same in 100 classes"),
    KnownDataset("svhn_cropped", (32, 32, 3), 10, 73_257, 26_032, 1_576, "house numbers, in colour"),
)


def known_datasets() -> list[KnownDataset]:
    """Return the data sets of the catalogue, with `prepared` set if decoded here, and all others that were decoded."""
    decoded = {about.dataset: about for _, about in cache.entries()}
    known = [replace(each, prepared=each.name == "mnist" or each.name in decoded) for each in KNOWN]
    names = {each.name for each in known}
    others = [
        KnownDataset(
            name=about.dataset,
            image_shape=about.image_shape,
            classes=len(about.class_names),
            train_images=sum(n for split, n in about.images.items() if split != "test"),
            test_images=about.images["test"],
            megabytes=0,
            summary="decoded here",
            prepared=True,
        )
        for name, about in decoded.items()
        if name not in names
    ]
    return [*known, *others]
