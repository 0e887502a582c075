"""A retraining from the data to the server, stage by stage."""
