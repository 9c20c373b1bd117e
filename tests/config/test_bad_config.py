"""Every wrong configuration is one line that names the file, the key and the reason, and never a traceback."""

import json
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from app.config.compile import compile_snapshot
from app.config.home import Environment
from app.config.load import ConfigError, load
from app.config.settings import Settings
from app.config.yaml_text import MAX_BYTES, MAX_DEPTH
from config.cases import DAY, ONE


def complaint(folder: Path, text: str | bytes, **env: str) -> str:
    """The line that `text` is refused with, the file's folder left out."""
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(path, env)
    line = str(caught.value)
    assert line.isprintable(), line
    assert len(line) <= 1000
    assert caught.value.__cause__ is None
    return line.replace(str(folder) + "/", "")


def model(row: str) -> str:
    return f"models:\n  a: {{provider: openai, id: x, {row}}}\n"


NUMBER = "must be a number, without quotes"
WHOLE = "must be a whole number, without quotes"
URL = "must be an http or https URL without user, query and fragment"

SHAPES = [
    # unknown keys, at every depth
    ("modles:\n  a: {provider: openai, id: x}\n", "config.yaml:1: modles: unknown key; did you mean models?"),
    ("mod: fast\n" + ONE, "config.yaml:1: mod: unknown key; did you mean mode?"),
    (
        ONE + "cache:\n  backend: local\n  ttl_second: 5\n",
        "config.yaml:5: cache.ttl_second: unknown key; did you mean ttl_seconds?",
    ),
    (model("price_inn: 1"), "config.yaml:2: models.a.price_inn: unknown key; did you mean price_in?"),
    (
        model("deployments: [{provider: llama, idd: y}]"),
        "config.yaml:2: models.a.deployments.0.idd: unknown key; did you mean id?",
    ),
    (
        model("deployments: [{provider: llama, id: y, idd: y}]"),
        "config.yaml:2: models.a.deployments.0.idd: unknown key; did you mean id?",
    ),
    (ONE + "scoring: {zebra: 1}\n", "config.yaml:3: scoring.zebra: unknown key; known here: gates"),
    (
        ONE + "routing: {weights: {fast: {quality: 1, cost: 1, latncy: 1, latency: 1}}}\n",
        "config.yaml:3: routing.weights.fast.latncy: unknown key; did you mean latency?",
    ),
    # duplicates
    ("mode: fast\n" + ONE + "mode: fast\n", "config.yaml:4: mode: stands here twice: keep one"),
    (ONE + "  a: {provider: gemini, id: y}\n", "config.yaml:3: models.a: stands here twice: keep one"),
    (model("enabled: true, enabled: true"), "config.yaml:2: models.a.enabled: stands here twice: keep one"),
    (
        ONE + "  b: {provider: openai, id: gpt-4o-mini}\n",
        "config.yaml:3: models.b.id: openai/gpt-4o-mini is already models.a: keep one of them",
    ),
    (
        ONE + "  b: {provider: llama, id: y, deployments: [{provider: openai, id: gpt-4o-mini}]}\n",
        "config.yaml:3: models.b.deployments.0.id: openai/gpt-4o-mini is already models.a: keep one of them",
    ),
    # numbers
    (model("price_in: -0.1, price_out: 1"), "config.yaml:2: models.a.price_in: must be greater than or equal to 0"),
    (model("price_in: .nan, price_out: 1"), "config.yaml:2: models.a.price_in: must be a finite number"),
    (model("price_in: .inf, price_out: 1"), "config.yaml:2: models.a.price_in: must be a finite number"),
    (model("price_in: 1e999, price_out: 1"), "config.yaml:2: models.a.price_in: must be a finite number"),
    (model('price_in: "0.1", price_out: 1'), f"config.yaml:2: models.a.price_in: {NUMBER}"),
    (model("price_in: true, price_out: 1"), f"config.yaml:2: models.a.price_in: {NUMBER}"),
    (model("price_in: 12:30, price_out: 1"), f"config.yaml:2: models.a.price_in: {NUMBER}"),
    (model("price_in: 1"), "config.yaml:2: models.a: give both an input and an output price, or neither"),
    (
        model("price_in: 1, price_in_per_million: 1, price_out: 1"),
        "config.yaml:2: models.a: price_in and price_in_per_million say the same in two units: keep one",
    ),
    (ONE + "server: {port: 010}\n", f"config.yaml:3: server.port: {WHOLE}"),
    (ONE + "server: {port: 8_000}\n", f"config.yaml:3: server.port: {WHOLE}"),
    (ONE + "server: {port: 70000}\n", "config.yaml:3: server.port: must be less than or equal to 65535"),
    (ONE + "cache: {ttl_seconds: 1.5}\n", f"config.yaml:3: cache.ttl_seconds: {WHOLE}"),
    (ONE + f"cache: {{ttl_seconds: {'9' * 5000}}}\n", f"config.yaml:3: cache.ttl_seconds: {WHOLE}"),
    (ONE + "timeouts: {total: 0}\n", "config.yaml:3: timeouts.total: must be greater than 0"),
    # words
    (ONE + "scoring: {gates: off}\n", "config.yaml:3: scoring.gates: must be true or false"),
    (ONE + "mode: quick\n", "config.yaml:3: mode: must be 'fast', 'balanced' or 'accurate'"),
    (ONE + "mode: true-ish\n", "config.yaml:3: mode: must be 'fast', 'balanced' or 'accurate'"),
    (ONE + "mock: yes\n", "config.yaml:3: mock: must be 'auto', 'never' or 'always'"),
    (ONE + "cache: [1]\n", "config.yaml:3: cache: must be a mapping of keys"),
    (ONE + "providers: {p: }\n", "config.yaml:3: providers.p: must be a mapping of keys"),
    (model("fallbacks: b"), "config.yaml:2: models.a.fallbacks: must be a list"),
    (model("capabilities: [telepathy]"), "config.yaml:2: models.a.capabilities.0: must be 'streaming',"),
    (model("retires_on: 2026-02-31"), "config.yaml:2: models.a.retires_on: is not a day of the calendar"),
    (model("retires_on: soon"), "config.yaml:2: models.a.retires_on: must be a day such as 2027-01-14"),
    (
        ONE + 'logging: {per_call_path: "a\\0b"}\n',
        "config.yaml:3: logging.per_call_path: must be a path, without control characters",
    ),
    (
        ONE + 'logging: {per_call_path: "a\\ud800"}\n',
        "config.yaml:3: logging.per_call_path: holds half a character (a lone surrogate)",
    ),
    (
        ONE + "logging: {per_call_path: x, daily_rollup_path: x}\n",
        "config.yaml:3: logging.daily_rollup_path: is the journal's own path: give the rollup another file",
    ),
    # names
    (
        "models: {auto: {provider: openai, id: x}}",
        "config.yaml:1: models.auto: auto and names that begin with auto- are the router's own",
    ),
    (
        ONE + "aliases: {auto-quick: a}\n",
        "config.yaml:3: aliases.auto-quick: auto and names that begin with auto- are the router's own",
    ),
    (ONE + 'aliases: {"auto*": a}\n', "config.yaml:3: aliases.auto*: auto and names that begin with auto- are the router's own"),
    (
        "models: {grün: {provider: openai, id: x}}",
        "config.yaml:1: models.grün: must be a name of letters, digits and . _ : / @ -",
    ),
    (
        "models: {'a b': {provider: openai, id: x}}",
        "config.yaml:1: models.a b: must be a name of letters, digits and . _ : / @ -",
    ),
    ("models: {1: {provider: openai, id: x}}", "config.yaml:1: models.1: a key must be text: put it in quotes"),
    ("models: {null: {provider: openai, id: x}}", "config.yaml:1: models.null: a key must be text: put it in quotes"),
    ("models: {[a]: {provider: openai, id: x}}", "config.yaml:1: models: a key must be text"),
    (ONE + "aliases: {'x*y': a}\n", "config.yaml:3: aliases.x*y: must be a name of letters,"),
    (ONE + "aliases: {a: auto}\n", "config.yaml:3: aliases.a: this name is already taken and would never be reached"),
    # references
    ("models: {a: {provider: opnai, id: x}}", "config.yaml:1: models.a.provider: unknown provider opnai; did you mean openai?"),
    ("models: {a: {provider: groq, id: x}}", "config.yaml:1: models.a.provider: unknown provider groq; add it under providers,"),
    (model("fallbacks: [aa]"), "config.yaml:2: models.a.fallbacks.0: aa is not a row of models; did you mean a?"),
    (model("fallbacks: [a]"), "config.yaml:2: models.a.fallbacks: lead in a circle: a -> a"),
    (
        model("fallbacks: [b]")
        + "  b: {provider: openai, id: y, fallbacks: [c]}\n  c: {provider: openai, id: z, fallbacks: [a]}\n",
        "config.yaml:2: models.a.fallbacks: lead in a circle: a -> b -> c -> a",
    ),
    (model("successor: b"), "config.yaml:2: models.a.successor: b is not a row of models, nor a known provider/id"),
    (model("successor: nosuch/b"), "config.yaml:2: models.a.successor: nosuch/b is not a row of models, nor a known provider/id"),
    (model("successor: openai/x"), "config.yaml:2: models.a.successor: a model cannot succeed itself"),
    (
        model("successor: openai/y") + "  b: {provider: openai, id: y, successor: a}\n",
        "config.yaml:2: models.a.successor: leads in a circle: a -> b -> a",
    ),
    (ONE + "aliases: {x: x}\n", "config.yaml:3: aliases.x: leads in a circle: x -> x"),
    (ONE + "aliases: {x: y, y: x}\n", "config.yaml:3: aliases.x: leads in a circle: x -> y -> x"),
    (
        ONE + "aliases: {x: auto-fats}\n",
        "config.yaml:3: aliases.x: auto-fats is neither auto*, a row of models, provider/id nor an alias; did you mean auto-fast?",
    ),
    (ONE + "routing: {baseline: b}\n", "config.yaml:3: routing.baseline: b is not a row of models"),
    # kinds
    (
        model("fallbacks: [b]") + "  b: {provider: openai, id: y, kind: embedding}\n",
        "config.yaml:2: models.a.fallbacks.0: b is of kind embedding, a of kind chat: name a row of the same kind",
    ),
    (
        model("kind: embedding, fallbacks: [b]") + "  b: {provider: openai, id: y}\n",
        "config.yaml:2: models.a.fallbacks.0: b is of kind chat, a of kind embedding: name a row of the same kind",
    ),
    (
        model("successor: openai/y") + "  b: {provider: openai, id: y, kind: embedding}\n",
        "config.yaml:2: models.a.successor: b is of kind embedding, a of kind chat: name a row of the same kind",
    ),
    (
        model("kind: embedding") + "routing: {baseline: a}\n",
        "config.yaml:3: routing.baseline: a is no chat model: savings are counted against one",
    ),
    # hosts and keys
    (ONE + "providers: {openai: {base_url: 'ftp://h/'}}\n", f"config.yaml:3: providers.openai.base_url: {URL}"),
    (ONE + "providers: {openai: {base_url: 'https://me:secret@h/v1'}}\n", f"config.yaml:3: providers.openai.base_url: {URL}"),
    (ONE + "providers: {openai: {base_url: 'https://h/v1?x=1'}}\n", f"config.yaml:3: providers.openai.base_url: {URL}"),
    (ONE + "providers: {openai: {base_url: 'https://h:99999/v1'}}\n", f"config.yaml:3: providers.openai.base_url: {URL}"),
    (ONE + "providers: {openai: {base_url: 'https:///v1'}}\n", f"config.yaml:3: providers.openai.base_url: {URL}"),
    (ONE + "providers: {openai: {base_url: api.openai.com}}\n", f"config.yaml:3: providers.openai.base_url: {URL}"),
    (
        ONE + "providers: {groq: {key_env: GROQ_API_KEY}}\n",
        "config.yaml:3: providers.groq.base_url: is required for a provider that is not built in",
    ),
    (
        ONE + "providers: {groq: {base_url: 'https://h'}}\n",
        "config.yaml:3: providers.groq.key_env: is required: name the variable that holds the key, or null for none",
    ),
    (
        ONE + "providers: {openai: {key_env: sk-proj-0123}}\n",
        "config.yaml:3: providers.openai.key_env.0: must be the name of an environment variable, never the key",
    ),
    (ONE + "providers: {openai: {key_env: []}}\n", "config.yaml:3: providers.openai.key_env: must not be empty"),
    (
        ONE + "providers: {openai: {base_url: 'http://api.openai.com/v1'}}\n",
        "config.yaml:3: providers.openai.base_url: is plain http to another machine: use https to a public host, or say trusted: true",
    ),
    (
        ONE + "providers: {openai: {base_url: 'https://169.254.169.254/v1'}}\n",
        "config.yaml:3: providers.openai.base_url: is a private address: use https to a public host, or say trusted: true",
    ),
    (
        ONE + "providers: {openai: {on_disconnect: wait}}\n",
        "config.yaml:3: providers.openai.on_disconnect: must be 'cancel' or 'drain'",
    ),
    (
        ONE + "providers: {openai: {limits: {max_inflight: 1}}}\n",
        "config.yaml:3: providers.openai.limits.max_inflight: unknown key; did you mean max_in_flight?",
    ),
    (ONE + "routing: {hedge: {enable: true}}\n", "config.yaml:3: routing.hedge.enable: unknown key; did you mean enabled?"),
    (ONE + "cache: {redis_url: 'http://h'}\n", "config.yaml:3: cache.redis_url: must be a redis://, rediss:// or unix:// URL"),
    # the file
    ("", "config.yaml: models: is required"),
    ("models: {}\n", "config.yaml:1: models: must not be empty"),
    ("models:\n", "config.yaml:1: models: must be a mapping of keys"),
    ("- a\n", "config.yaml: must be a mapping of keys"),
    ("just words", "config.yaml: must be a mapping of keys"),
    ("mode: fast\n\tx: 1", "config.yaml:2: is not YAML: while scanning"),
    ("mode: [fast", "config.yaml:1: is not YAML: while parsing a flow sequence"),
    ("a: b\n---\nc: d\n", "config.yaml:2: is not YAML: expected a single document"),
    ("mode: *nobody", "config.yaml:1: is not YAML: found undefined alias"),
    ('mode: "\\UFFFFFFFF"', "config.yaml: is not YAML: an escape or a number in it is out of range"),
    (b"mode: fa\x00st", "config.yaml:1: holds U+0000, which YAML does not allow"),
    (b"\x89PNG\r\n\x1a\n", "config.yaml: is not UTF-8 text"),
    (b"\xff\xfem\x00o\x00", "config.yaml: is not UTF-8 text"),
    (b"#" * (MAX_BYTES + 1), f"config.yaml: is larger than {MAX_BYTES} bytes"),
    ("mode: !!python/object/apply:os.abort []\n", "config.yaml:1: holds a YAML tag (!), which is not accepted here"),
    (ONE + "cache: {ttl_seconds: !!int '12:30'}\n", "config.yaml:3: holds a YAML tag (!), which is not accepted here"),
    ("models: &m {a: *m}\n", "config.yaml:1: models.a: holds itself through a YAML alias"),
    ("[" * 100_000, f"config.yaml:1: is nested more than {MAX_DEPTH} levels deep"),
    (ONE + "aliases: [&x a" + ", *x" * 101 + "]", "config.yaml:3: holds more than 100 YAML aliases"),
]


@pytest.mark.parametrize(("text", "said"), SHAPES, ids=[said[:90] for _, said in SHAPES])
def test_a_wrong_file_is_one_line_naming_file_key_and_reason(tmp_path: Path, text: str | bytes, said: str) -> None:
    """The line begins with what is promised; only lists of possibilities may follow."""
    line = complaint(tmp_path, text)
    assert line.startswith(said)
    assert line == said or said.endswith((",", "scanning", "sequence", "document", "alias", "true"))


REDIS_PORT = (
    "must have a port between 1 and 65535 (and a password with its special characters percent-encoded); "
    "it overrides cache.redis_url of config.yaml"
)
VARIABLES = [
    ("REDIS_URL", "redis://:y/@z@h/0", REDIS_PORT),
    ("PORT", "eighty", "must be a whole number; it overrides server.port of config.yaml"),
    ("PORT", "-1", "must be a whole number; it overrides server.port of config.yaml"),
    ("REDIS_URL", "redis://localhost:70000/0", REDIS_PORT),
    ("LLM_ROUTER_TRANSPORT", "curl", "unknown transport; use pool or aiohttp"),
    ("PORT", "70000", "must be less than or equal to 65535; it overrides server.port of config.yaml"),
    ("CACHE_TTL_SECONDS", "0", "must be greater than or equal to 1; it overrides cache.ttl_seconds of config.yaml"),
    ("CACHE_TTL_SECONDS", "1e3", "must be a whole number; it overrides cache.ttl_seconds of config.yaml"),
    ("HOST", "a b", "must be a host name or address; it overrides server.host of config.yaml"),
    ("REDIS_URL", "http://x", "must be a redis://, rediss:// or unix:// URL; it overrides cache.redis_url of config.yaml"),
]


@pytest.mark.parametrize(("variable", "value", "said"), VARIABLES)
def test_a_wrong_variable_is_named_itself(tmp_path: Path, variable: str, value: str, said: str) -> None:
    """Whoever set the variable looks for its name, not for a key of a file."""
    assert complaint(tmp_path, ONE, **{variable: value}) == f"{variable}: {said}"


def test_mock_never_names_the_variable_that_is_missing(tmp_path: Path) -> None:
    """Also when it is set but empty, and when only a further deployment needs it."""
    line = "config.yaml:3: mock: is never, but OPENAI_API_KEY is not set and the enabled model a needs it"
    assert complaint(tmp_path, ONE + "mock: never\n") == line
    assert complaint(tmp_path, ONE + "mock: never\n", OPENAI_API_KEY=" ") == line
    further = "models:\n  a: {provider: openai, id: x, deployments: [{provider: llama, id: y}]}\nmock: never\n"
    assert "LLAMA_API_KEY is not set" in complaint(tmp_path, further, OPENAI_API_KEY="k")


def test_mock_never_asks_nothing_of_what_is_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    rows = "  b: {provider: gemini, id: x, enabled: false}\n  c: {provider: mistral, id: x}\n"
    path.write_text(ONE + rows + "providers: {mistral: {enabled: false}}\nmock: never\n")
    assert load(path, {"OPENAI_API_KEY": "k"}).mock == "never"


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^\S+nowhere.yaml: cannot be read \(No such file or directory\)$"):
        load(tmp_path / "nowhere.yaml", {})
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)$"):
        load(tmp_path, {})


def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    """What people paste into a config ends up in terminals and logs."""
    secret = "sk-proj-Sup3rS3cr3tV4lue"
    for text in (
        ONE + f"providers: {{openai: {{key_env: {secret}}}}}\n",
        ONE + f"providers: {{openai: {{base_url: 'https://u:{secret}@h'}}}}\n",
        ONE + f"cache: {{redis_url: 'http://u:{secret}@h'}}\n",
        ONE + f"mode: {secret}\n",
    ):
        assert secret not in complaint(tmp_path, text)
    assert secret not in complaint(tmp_path, ONE, REDIS_URL=f"http://u:{secret}@h")


def test_few_aliases_on_many_levels_are_refused_before_they_are_followed(tmp_path: Path) -> None:
    """64 aliases that stand for 8 to the power of 8 values."""
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, 9))
    line = complaint(tmp_path, "a0: &a0 [x, x, x, x, x, x, x, x]\n" + levels)
    assert line.endswith("holds more than 100000 values, counted through its YAML aliases")


def test_a_long_chain_of_aliases_is_followed(tmp_path: Path) -> None:
    """Neither Python's recursion limit nor quadratic time stands in its way."""
    path = tmp_path / "config.yaml"
    path.write_text(ONE + "aliases:\n" + "".join(f"  n{i}: n{i + 1}\n" for i in range(2000)) + "  n2000: a\n")
    assert len(load(path, {}).aliases) == 2001


scalars = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "~",
            ".",
            "-",
            "1_0",
            "0o7",
            "0x1F",
            "1:2",
            ".5",
            "5.",
            "1e",
            "e1",
            "+.inf",
            "-.INF",
            "=",
            "<<",
            "!x",
            "&a",
            "*a",
            "@",
            "`",
            "?",
            "%YAML 1.2",
            "\t",
            "null",
            "nope",
            "true",
            "truth",
            "yes",
        ]
    ),
    st.sampled_from(["mode", "models", "cache", "providers", "aliases", "openai", "id", "provider", "a", "auto"]),
    st.floats().map(str),
    st.integers().map(str),
)
lines = st.lists(
    st.tuples(st.integers(0, 3), scalars, st.sampled_from([": ", ":\n", "- ", ": [", ": {", "", ", ", "]", "}"]), scalars),
    max_size=8,
).map(lambda rows: "\n".join("  " * depth + key + mark + value for depth, key, mark, value in rows))


@settings(deadline=None)
@given(st.one_of(st.text(), lines, lines.map(lambda text: ONE + text), lines.map(lambda text: text + "\n" + ONE)))
def test_any_text_gives_settings_or_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Never another exception, never a second line."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        loaded = load(path, {})
    except ConfigError as error:
        assert str(error).startswith(str(path))
        assert str(error).isprintable()
    else:
        assert loaded.models


ODD = [None, [], {}, "", "x", "a", 1, 0, -1, 0.5, 1e308, True, [None], [1], ["a"], [["a"]], {"a": None}, {"a": {}}, {"a": "b"}]


def row_in(annotation: Any) -> tuple[type[BaseModel] | None, str | None]:
    """The model that a key's value is or holds, and the name of one row there when it holds several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, None
    arguments = get_args(annotation)
    row = arguments[-1] if get_origin(annotation) in (dict, list) else None
    return (
        (row, "fast" if "fast" in str(arguments) else "a")
        if isinstance(row, type) and issubclass(row, BaseModel)
        else (None, None)
    )


def all_keys(shape: type[BaseModel], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key that a config can hold."""
    found: list[tuple[str, ...]] = []
    for name, field in shape.model_fields.items():
        place = (*above, name)
        found.append(place)
        row, step = row_in(field.annotation)
        if row is not None:
            found += all_keys(row, place if step is None else (*place, step))
    return found


@pytest.mark.parametrize("keys", all_keys(Settings), ids=".".join)
def test_any_value_at_any_key_gives_settings_or_one_line(tmp_path: Path, keys: tuple[str, ...]) -> None:
    """Null, empty, nested, of another type: each at each key that exists."""
    path = tmp_path / "config.yaml"
    for value in ODD:
        config: dict[str, Any] = {"models": {"a": {"provider": "openai", "id": "x"}}}
        place = config
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
        path.write_text(json.dumps(config))
        try:
            compile_snapshot(load(path, {}), Environment(tmp_path, {}, frozenset()), str(path), DAY)
        except ConfigError as error:
            assert str(error).startswith(str(path))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_settings_or_one_line(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError):
        load(path, {})
