"""Labels: outcomes of applications, sent from outside; a submission is checked completely, and recorded all or
nothing.
"""
