"""A model's place: how able it is overall and for what each facet asks for, and how well a model with a place answers a prompt. No model's
name, no price may enter.

`logit P(good) = overall + sum over facets of facet * deviation - SPREAD * (difficulty - 0.5)`, a logistic model of item response
(Rasch) with one deviation per facet. So a place's overall quality is P(good answer) for a prompt of middling difficulty that is like
nothing known; an easy prompt lifts every model towards 1 and makes them alike, a hard one pulls them apart.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ...catalogue.abilities import DOMAINS, log_odds
from .learned import Vector

SPREAD: Final = 6.0
"""How far difficulty moves the log-odds: from +3 at the easiest to -3 at the hardest prompt."""
FAR_DOUBT: Final = 0.9
"""How far, as one standard deviation of log-odds, a model's mean over prompts like nothing known lies from the predicted one: leaving one
task out it is 0.74 over all tasks and models, with two thirds of what is asked unlike the other tasks."""
SCORED_DOUBT: Final = 2.2
"""Standard deviation of log-odds that one scored answer leaves; n of them leave a share 1 / sqrt(n) of it."""
SURE: Final = 1.96
"""Standard deviations to either side that hold 95 of 100."""


def as_share(difficulty: float) -> float:
    """A difficulty in log-odds as 0..1, 0.5 = middling: in the middle a step is worth what it was, the ends are never reached."""
    return 1.0 / (1.0 + math.exp(min(max(-difficulty * 4.0 / SPREAD, -50.0), 50.0)))


def place(quality: float, abilities: Mapping[str, float], domains: Sequence[int]) -> list[float]:
    """The numbers of one place: overall, then a deviation per facet. `abilities` by domain, 0..1, as far as they are known."""
    overall = log_odds(quality)
    by_domain = [log_odds(abilities[name]) - overall if name in abilities else 0.0 for name in DOMAINS]
    return [overall, *(by_domain[domain] for domain in domains)]


def ability(places: Vector, facets: Vector) -> Vector:
    """Log-odds of each model (m,) for a prompt of middling difficulty with these facets (f,); `places` (m, 1 + f)."""
    found: Vector = places[:, 1:] @ facets
    found += places[:, 0]
    return found


def good_answer(abilities: Vector, difficulty: float) -> Vector:
    """P(good answer) of each model, 0..1."""
    odds: Vector = np.exp(SPREAD * (difficulty - 0.5) - abilities)
    return 1.0 / (1.0 + odds)


def interval(abilities: Vector, strengths: Vector, facets: Vector, difficulty: float) -> tuple[Vector, Vector]:
    """Bounds that hold P(good answer) of each model in 95 of 100 cases.

    `strengths` (m,) = how many scored answers what is known of the model is worth; what is far from the training data is less known.
    """
    far = max(1.0 - float(facets.sum()), 0.0)
    doubt = SURE * np.sqrt(SCORED_DOUBT**2 / strengths + far * FAR_DOUBT**2)
    return good_answer(abilities - doubt, difficulty), good_answer(abilities + doubt, difficulty)
