"""Measures the product against a hand-written endpoint on the same machine, in the same run."""
