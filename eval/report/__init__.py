"""Tables, figures and contact sheets from result JSON and mesh files."""
