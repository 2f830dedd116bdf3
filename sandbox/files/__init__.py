"""Files that programs leave, reached from outside without following them anywhere. Read workspace."""
