"""What is tried and what came of it: proposals, the study on disk, the end of a search."""
