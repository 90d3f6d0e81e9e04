"""Pictures of people and documents: the sets that the field uses, and those made here."""
