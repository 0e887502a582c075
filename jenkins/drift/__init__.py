"""The drift monitor: are the applications that come in still those that the model was trained on?"""
