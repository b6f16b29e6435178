"""Results → terminal tables, JSON, CSV, TSV, figures, HTML pages and notebooks. Knows results, not JAX."""
