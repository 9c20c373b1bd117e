"""What each trained task asks for: the domain that a model's public figures speak of. Data alone."""

from typing import Final

from app.catalogue.abilities import DOMAINS

DOMAIN_OF: Final = {
    "llmrouter/agentverse-logicgrid": "reasoning",
    "llmrouter/arc_challenge": "reasoning",
    "llmrouter/commonsense_qa": "reasoning",
    "llmrouter/math": "maths",
    "llmrouter/mbpp": "code",
    "llmrouter/natural_qa": "knowledge",
    "llmrouter/openbook_qa": "reasoning",
    "llmrouter/trivia_qa": "knowledge",
    "mmlu-pro/biology": "science",
    "mmlu-pro/business": "maths",
    "mmlu-pro/chemistry": "science",
    "mmlu-pro/computer science": "code",
    "mmlu-pro/economics": "knowledge",
    "mmlu-pro/engineering": "science",
    "mmlu-pro/math": "maths",
    "mmlu-pro/physics": "science",
    "mmlu-pro/psychology": "knowledge",
    "zeroeval/crux": "code",
    "zeroeval/math-l5": "maths",
}


def domain_index(facet: str) -> int:
    """The place among `places.DOMAINS` of a facet's domain; a facet without one counts as reasoning."""
    return DOMAINS.index(DOMAIN_OF.get(facet, "reasoning"))
