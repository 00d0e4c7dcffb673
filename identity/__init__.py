"""Who you are: accounts, sign-in, staff, keys, audit."""
