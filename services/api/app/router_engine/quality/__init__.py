"""The predictor: what a prompt's words say of its kind and difficulty, and how well a model with a given place answers it."""
