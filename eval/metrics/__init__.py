"""One metric a file; set metrics are functions of distance matrices, generated shapes in rows, reference in columns."""
