"""Benchmarks: what mnistcli costs beside PyTorch and Keras at the same work. Run with `python -m tests.benchmarks`."""
