"""How warm a lead is, as arithmetic over what happened."""
