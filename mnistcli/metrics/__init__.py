"""All statistics: what answers score, and what two runs or two recipes can be said to differ by."""
