"""The promotion gate: is the candidate better than the champion, and as quick?"""
