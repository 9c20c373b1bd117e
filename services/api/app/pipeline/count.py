"""How many tokens a prompt has: asked of Anthropic for its own models, else estimated. Answers nothing and leaves no record."""

from ..clients.anthropic_client.count import decode_count, encode_count
from ..errors import CallerError, ProviderRejected, RouterError
from . import attempts
from .house import House
from .walk import Walk


async def counted(house: House, walk: Walk) -> int:
    """Tokens of the planned call's prompt. Raises what Anthropic says is wrong with it; while it says nothing, an estimate."""
    able = [target for target in walk.targets[:1] if target.dialect == "anthropic" and not target.mock]
    if not able:
        return walk.tokens_in
    walk.targets = able
    try:
        return await attempts.first_answer(
            house,
            walk,
            lambda target: encode_count(walk.request, target),
            lambda body, _target: decode_count(body),
        )
    except (CallerError, ProviderRejected):
        raise
    except RouterError:  # a count is asked for to decide what to send: one that is about right serves better than none
        return walk.tokens_in
