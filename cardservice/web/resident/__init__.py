"""The pages of a resident: only ever their own account."""
