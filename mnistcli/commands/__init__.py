"""What the commands do, from runs and data to results: train, evaluate, compare, predict, diagnose, and so on.

Each command imports only the module that it needs: predict runs without JAX, evaluate without Flax.
"""
