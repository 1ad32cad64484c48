"""What every store promises, one part a module."""
