"""What a light-field descriptor is made of: views, silhouettes, outlines, region and contour shape, matching."""
