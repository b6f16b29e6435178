"""The results of commands: frozen dataclasses, which the terminal, JSON and figures show.

Accuracies, precisions, probabilities and p-values are fractions of 1; losses are mean cross-entropies in nats; times
are seconds.
"""
