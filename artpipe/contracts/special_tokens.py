"""The tokens that every vocabulary begins with, whatever the modality."""

PAD, START, END, UNKNOWN = range(4)
SPECIAL_TOKENS = ("<pad>", "<start>", "<end>", "<unknown>")  # every vocabulary begins with these
