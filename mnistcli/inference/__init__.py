"""The forward pass of many images on JAX's device, and its gradient by the pixels. Imports no Flax."""

from mnistcli.inference.logits import batched_logits, block_size, in_blocks, predict_logits
from mnistcli.inference.saliency import integrated_gradients

__all__ = ["batched_logits", "block_size", "in_blocks", "integrated_gradients", "predict_logits"]
