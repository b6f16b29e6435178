"""The forward pass of any run: on JAX's device, with its gradient by the pixels, or by ONNX Runtime.

This front door is JAX's; `onnx_model` and `onnx_file` need none.
"""

from mnistcli.inference.logits import batched_logits, block_size, in_blocks, predict_logits
from mnistcli.inference.saliency import integrated_gradients

__all__ = ["batched_logits", "block_size", "in_blocks", "integrated_gradients", "predict_logits"]
