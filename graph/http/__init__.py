"""HTTP for both doors: middleware, bodies, pages and health."""
