"""A forest and its covers -> tables of feature contributions, and the proof that they are XGBoost's."""
