"""What else could learn the table: other models on the folds on which the recipe is searched."""
