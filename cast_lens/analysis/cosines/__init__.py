"""How parallel the difference vectors of several tasks are: geometries, ceilings and nulls."""
