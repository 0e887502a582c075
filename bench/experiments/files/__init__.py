"""Scored files beside XGBoost with pandas, with polars and in Ray Data."""
