"""What MLflow shows of a search: a view that can be made again from the study at any time."""
