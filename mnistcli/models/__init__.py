"""The architectures as flax.nnx modules: what training trains."""

from mnistcli.models.catalogue import abstract, build, summarize
from mnistcli.models.classifier import Classifier, split

__all__ = ["Classifier", "abstract", "build", "split", "summarize"]
