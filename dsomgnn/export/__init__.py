"""A student as plain files that other programs load without dsomgnn."""
