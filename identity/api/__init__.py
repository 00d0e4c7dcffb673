"""Routes of identity; only the web application mounts them."""
