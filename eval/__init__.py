"""The measurement: clouds, distances, metrics, protocols and results of generated shapes against reference shapes."""
