"""Files served on loopback to TFDS's own builders, in whatever process uses them."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

# Imported by every Python process that finds it first on its path: once TFDS's MNIST module is there, its builders
# fetch from another address. All else of TFDS is as it is.
SITECUSTOMIZE = """
import importlib.abc, importlib.util, sys

class Redirect(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    name = "tensorflow_datasets.image_classification.mnist"

    def find_spec(self, name, path, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        self.spec = importlib.util.find_spec(name)
        return importlib.util.spec_from_loader(name, self, origin=self.spec.origin)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__file__ = self.spec.origin
        self.spec.loader.exec_module(module)
        for builder in (module.MNIST, module.FashionMNIST):
            builder.URL = {url!r}

sys.meta_path.insert(0, Redirect())
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder's files, and yield the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def redirect(folder: Path, url: str) -> Path:
    """Write into a folder what makes TFDS fetch from that address in every process with the folder on its path."""
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE.format(url=url))
    return folder
