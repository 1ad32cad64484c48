"""Loading: many records at once from elsewhere, planned row by row, written in one commit, and accounted for."""
