"""Graph: variables, losses and solvers of a GAN as a TF1 graph; knows nothing of files or flags."""
