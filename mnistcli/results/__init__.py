"""What the core returns: frozen dataclasses of plain Python values, which the terminal, JSON and figures are made from.

Accuracies, precisions, probabilities and p-values are fractions of 1; losses are mean cross-entropies in nats; times
are seconds.
"""
