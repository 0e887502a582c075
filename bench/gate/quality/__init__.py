"""The gate's AUC-PR half: candidate and champion on the rows that neither has seen."""
