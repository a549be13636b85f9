"""The GAN as a TF1 graph: variables, networks, losses and solvers; knows nothing of run folders."""
