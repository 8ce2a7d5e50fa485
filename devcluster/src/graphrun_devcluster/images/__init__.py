"""graphrun's images and those of its development dependencies, built where no image registry is in reach too."""
