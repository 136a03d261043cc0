"""Where trials run: Ray, its workers, and the files that go between them and the search."""
