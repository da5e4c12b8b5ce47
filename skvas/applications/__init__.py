"""What is built on a fitted estimator."""
