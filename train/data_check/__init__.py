"""May a model be trained on these applications at all?"""
