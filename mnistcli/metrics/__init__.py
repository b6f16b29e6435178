"""All statistics: the scores of answers, and tests of the difference between runs or recipes."""
