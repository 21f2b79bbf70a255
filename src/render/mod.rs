//! Values to text; the only place that knows colour, width and JSON shape.
