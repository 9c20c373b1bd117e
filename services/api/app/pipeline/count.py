"""How many tokens a prompt has: asked of Anthropic for its own models, else estimated. Answers nothing and leaves no record."""

from ..clients.anthropic_client.count import encode_count, held_count, render_count
from ..errors import CallerError, ProviderRejected, RouterError
from . import attempts
from .house import House
from .walk import Walk


async def counted(house: House, walk: Walk) -> bytes:
    """The body that tells the tokens of the planned call's prompt: Anthropic's own, unknown fields too, else an estimate in its shape.

    Raises what Anthropic says is wrong with the prompt.
    """
    able = [target for target in walk.targets[:1] if target.dialect == "anthropic" and not target.mock]
    if not able:
        return render_count(walk.tokens_in)
    walk.targets = able
    try:
        return await attempts.first_answer(
            house,
            walk,
            lambda target: encode_count(walk.request, target),
            lambda body, _target: held_count(body),
        )
    except (CallerError, ProviderRejected):
        raise
    except RouterError:  # a count is asked for to decide what to send: one that is about right serves better than none
        return render_count(walk.tokens_in)
