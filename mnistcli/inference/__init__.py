"""The forward pass of any run: on JAX's device, with its gradient by the pixels, or by ONNX Runtime.

This front door imports nothing: `logits` and `saliency` need JAX, which `predict`, by `onnx_model`, starts without.
"""
