"""Which calls are traced: by OpenTelemetry's standard samplers and variables. Pure; asking the SDK would cost a call ten times as much."""

from collections.abc import Callable, Mapping

from .place import Caller

Sampler = Callable[[str, Caller | None], bool]
"""Of a trace's id and the caller's place in it, whether it is recorded."""
DEFAULT = "parentbased_always_on"
_LOW_HALF = 16
"""Hex digits of a trace id that decide by ratio, as everywhere: so all services keep the same traces."""


def sampler(values: Mapping[str, str]) -> tuple[Sampler, str | None]:
    """The sampler that `OTEL_TRACES_SAMPLER` and its `_ARG` name, and what is wrong with them (then the default holds)."""
    name = values.get("OTEL_TRACES_SAMPLER", "").strip() or DEFAULT
    root = _root(name.removeprefix("parentbased_"), values.get("OTEL_TRACES_SAMPLER_ARG", "").strip())
    if root is None:
        fault = f"OTEL_TRACES_SAMPLER {name!r} with OTEL_TRACES_SAMPLER_ARG is not understood; {DEFAULT} is used"
        return _parent_based(_always), fault
    return (_parent_based(root) if name.startswith("parentbased_") else root), None


def _root(name: str, argument: str) -> Sampler | None:
    if name == "always_on":
        return _always
    if name == "always_off":
        return lambda _trace, _caller: False
    if name != "traceidratio":
        return None
    try:
        ratio = float(argument or 1)
    except ValueError:
        return None
    if not 0 <= ratio <= 1:
        return None
    bound = round(ratio * 2**64)
    return lambda trace, _caller: int(trace[_LOW_HALF:], 16) < bound


def _always(_trace: str, _caller: Caller | None) -> bool:
    return True


def _parent_based(root: Sampler) -> Sampler:
    return lambda trace, caller: root(trace, caller) if caller is None else caller.sampled
