"""The three estimators; what they do lies in the rooms below."""
