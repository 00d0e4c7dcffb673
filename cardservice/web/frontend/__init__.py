"""The styles and scripts of the pages: sources here, built into `static/built` at set-up."""
