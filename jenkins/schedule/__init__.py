"""The schedules of Jenkins without Jenkins: a drift check every night, a retraining every month."""
