"""What a made-up company is made of: chance, names, and one table of rows after another."""
