"""What the lessons need: the checks of the exercises, and the grader."""
