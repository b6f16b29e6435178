"""JAX on a device: which one, its compiled programs kept, and the forward pass on it. Imports no Flax."""

from mnistcli.device.choice import describe, use_device, visible_devices
from mnistcli.device.compilation_cache import cache_folder
from mnistcli.device.inference import batched_logits, block_size, in_blocks, predict_logits
from mnistcli.device.saliency import integrated_gradients

__all__ = [
    "batched_logits",
    "block_size",
    "cache_folder",
    "describe",
    "in_blocks",
    "integrated_gradients",
    "predict_logits",
    "use_device",
    "visible_devices",
]
