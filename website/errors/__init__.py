"""What every error means: the catalogue, and one file for each error."""
