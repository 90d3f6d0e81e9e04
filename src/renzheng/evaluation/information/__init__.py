"""False match rates of faces that have lost something: whether a promised rate is kept."""
