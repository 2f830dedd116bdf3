"""Scores for runs over a suite. What is here so far: the estimators that every later part rests on."""
