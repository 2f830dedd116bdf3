"""Make attempts at one task, compare them, and choose one. Read attempts, series, picker."""
