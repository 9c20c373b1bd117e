"""An upstream that fails on purpose: every way in which a provider breaks, chosen by the model's name. Nothing above clients may enter."""
