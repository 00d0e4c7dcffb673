"""The pages of partners: for the people who sign in for an organisation."""
