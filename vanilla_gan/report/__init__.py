"""`./run.sh report`: a run as one page, and its curves as a picture."""
