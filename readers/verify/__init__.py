"""`kentcard-verify`: a venue checks codes on phones, with or without a network."""
