"""How far the numbers about two sets move when one choice of the protocol is another and all else stays."""
