"""JAX on a device: which one, its compiled programs kept, and the forward pass on it. Imports no Flax."""

from mnistcli.device.choice import describe, use_device, visible_devices
from mnistcli.device.compilation_cache import cache_folder
from mnistcli.device.inference import batched_logits, pad, predict_logits
from mnistcli.device.saliency import integrated_gradients

__all__ = [
    "batched_logits",
    "cache_folder",
    "describe",
    "integrated_gradients",
    "pad",
    "predict_logits",
    "use_device",
    "visible_devices",
]
