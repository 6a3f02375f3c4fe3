"""Training: synthetic plates, the CTC reader, the plate detector, and their export for the device."""
