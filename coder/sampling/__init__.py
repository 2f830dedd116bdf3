"""Strategies for single functions and small models: fresh answers, compared, one selected. Read best_of_n."""
