"""How good an answer was. For now defect gates alone; nothing here calls a model or keeps anything."""
