"""Cases: answers that are to be reviewed, what officers did with them, and how all of it is kept."""
