"""Scored files beside XGBoost with pandas."""
