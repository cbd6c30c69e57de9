"""What we decide: the rules of money records as plain async functions."""
