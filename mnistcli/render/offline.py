"""A self-contained page: a pad, the front end and a network in one file that needs no server or connection."""

import hashlib
import json
from base64 import b64encode
from pathlib import Path

from mnistcli.files import write_output
from mnistcli.render.html import make_environment
from mnistcli.results.summary import Export, OfflineNetwork

TOLERANCE = 1e-4  # largest difference between a browser's probabilities and JAX's, which adds in another order


def save_offline_page(network: OfflineNetwork, path: Path) -> Export:
    """Write the page atomically.

    Raises:
        UsageError: The file cannot be written.
    """
    content = offline_page(network).encode()
    write_output(path, content)
    return Export(run=network.run, file=str(path), size=len(content), images=len(network.images))


def offline_page(network: OfflineNetwork) -> str:
    """Return the page as HTML: the same for the same network, to the byte."""
    config = {
        "run": network.run,
        "classes": network.class_names,
        "network": network.layers
        | {
            "image_shape": network.image_shape,
            "pictures": network.pictures,
            "temperature": network.temperature,
            "rejects": network.rejects,
        },
        "proof": {
            "images": b64encode(network.images.tobytes()).decode(),
            "probabilities": network.probabilities.tolist(),
            "tolerance": TOLERANCE,
        },
    }
    nonce = hashlib.sha256(json.dumps(config).encode()).hexdigest()
    template = make_environment().get_template("offline.html")
    return template.render(config=config, runs=[network.run], explains=False, nonce=nonce)
