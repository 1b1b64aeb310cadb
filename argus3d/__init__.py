"""argus3d: generate, train and load Argus-3D shape generators."""
