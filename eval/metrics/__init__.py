"""One metric a file; set metrics are functions of `eval.distances.sets.Sets`."""
