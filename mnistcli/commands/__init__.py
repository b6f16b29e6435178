"""Runs and data → results: train and score, evaluate, compare, predict, diagnose.

Commands import the one module that they need: predict does without JAX, evaluate without Flax.
"""
