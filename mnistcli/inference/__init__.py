"""The forward pass of any run: with JAX on its device, also with gradients for the pixels, or with ONNX Runtime.

This package imports nothing: `logits` and `saliency` need JAX, which `predict`, with `onnx_model`, starts without.
"""
