"""mnistcli: a command-line laboratory for MNIST and data shaped like it, on JAX and Flax."""

__version__ = "0.2.0"
