"""The addresses of entitlements; `cardservice.app` mounts them."""
