"""A folder of pictures as a data set."""
