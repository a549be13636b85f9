"""Drawing: samples as pictures, and pictures read back as samples."""
