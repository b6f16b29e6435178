"""Results → terminal tables, JSON, CSV, TSV and figures. Knows results, not JAX."""
