"""What Kong, its chart and its ingress controller read from files; knows nothing of how they were written."""
