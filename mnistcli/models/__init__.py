"""Networks: what they are, what they are made of, and their forward pass on a device."""

from mnistcli.models.catalogue import abstract, build, summarize
from mnistcli.models.classifier import PREPROCESSING, Classifier
from mnistcli.models.compilation_cache import cache_folder
from mnistcli.models.device import describe, use_device, visible_devices
from mnistcli.models.inference import batched_logits, pad, predict_logits
from mnistcli.models.parameters import Params, count, flatten, split, to_host, unflatten

__all__ = [
    "PREPROCESSING",
    "Classifier",
    "Params",
    "abstract",
    "batched_logits",
    "build",
    "cache_folder",
    "count",
    "describe",
    "flatten",
    "pad",
    "predict_logits",
    "split",
    "summarize",
    "to_host",
    "unflatten",
    "use_device",
    "visible_devices",
]
