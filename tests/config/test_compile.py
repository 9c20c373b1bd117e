"""The Snapshot: what is real, what is routed, who answers for the retired, what it costs, and what identifies it."""

from datetime import date
from pathlib import Path

import pytest

from app.config.compile import compile_snapshot
from app.config.home import PACKAGE, Environment, read_environment
from app.config.load import load
from app.config.snapshot import Hedge, Snapshot
from config.cases import CONTRACT, DAY, ONE, compiled

TWO = "models:\n  a: {provider: openai, id: gpt-4o-mini}\n  b: {provider: gemini, id: gemini-3.8-flash}\n"
OLD_AND_NEW = """models:
  old: {provider: anthropic, id: claude-3-sonnet-20240229}
  new: {provider: anthropic, id: claude-sonnet-5-5}
"""


def shipped(folder: Path, day: date = DAY) -> Snapshot:
    return compiled(folder, (PACKAGE / "config.yaml").read_text("utf-8"), day=day)


def states(snapshot: Snapshot) -> dict[str, str]:
    """Each row as two letters: Real or mock, Auto may pick it or not."""
    return {name: ("R" if m.real else "m") + ("A" if m.routable else "-") for name, m in snapshot.models.items()}


class TestExamples:
    def test_the_contracts_example_alone_is_a_whole_configuration(self, tmp_path: Path) -> None:
        """Five built-in providers, defaults for all else, the row's own price exact to the pico-dollar."""
        snapshot = compiled(tmp_path, CONTRACT)
        model = snapshot.models["openai_gpt4o_mini"]
        assert model.rates is not None
        assert (model.rates.input, model.rates.output, model.rates.source) == (500_000, 1_500_000, "config")
        assert (model.avg_latency_ms, model.context_window) == (800, 128_000)
        assert states(snapshot) == {"openai_gpt4o_mini": "mA"}
        assert snapshot.cache.backend == "local"
        assert snapshot.logging.per_call_path == str(tmp_path / "logs/per_call.jsonl")
        assert snapshot.warnings == ()

    def test_the_shipped_config_compiles_without_a_warning(self, tmp_path: Path) -> None:
        snapshot = shipped(tmp_path)
        assert snapshot.warnings == ()
        assert snapshot.routing.baseline in snapshot.models
        assert {m.provider for m in snapshot.models.values()} == {"openai", "anthropic", "gemini", "mistral", "llama"}

    def test_every_provider_of_the_shipped_config_has_a_routable_model_with_a_price(self, tmp_path: Path) -> None:
        models = [m for m in shipped(tmp_path).models.values() if m.routable]
        assert {m.provider for m in models} == {"openai", "anthropic", "gemini", "mistral", "llama"}
        assert all(m.rates is not None for m in models)

    def test_every_successor_of_the_shipped_config_answers_once_all_have_retired(self, tmp_path: Path) -> None:
        """No chain of successors ends nowhere, on whatever later day the file is read."""
        snapshot = shipped(tmp_path, date(2027, 6, 1))
        for model in snapshot.models.values():
            assert model.retired == (model.targets[0].model_id != model.model_id)

    def test_bom_crlf_and_a_missing_final_newline_change_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "config.yaml"
        path.write_bytes(b"\xef\xbb\xbf" + CONTRACT.strip().replace("\n", "\r\n").encode())
        other = tmp_path / "plain.yaml"
        other.write_text(CONTRACT)
        assert load(path, {}) == load(other, {})


class TestMockAndReal:
    @pytest.mark.parametrize(
        ("more", "env", "expected"),
        [
            ("", {}, {"a": "mA", "b": "mA"}),
            ("", {"OPENAI_API_KEY": ""}, {"a": "mA", "b": "mA"}),
            ("", {"OPENAI_API_KEY": "  "}, {"a": "mA", "b": "mA"}),
            ("", {"OPENAI_API_KEY": "k"}, {"a": "RA", "b": "m-"}),
            ("", {"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k"}, {"a": "RA", "b": "RA"}),
            ("mock: always\n", {"OPENAI_API_KEY": "k"}, {"a": "mA", "b": "mA"}),
            ("mock: never\n", {"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k"}, {"a": "RA", "b": "RA"}),
            ("providers: {gemini: {key_env: null}}\n", {}, {"a": "m-", "b": "RA"}),
            ("providers: {gemini: {key_env: null}}\nmock: always\n", {}, {"a": "mA", "b": "mA"}),
            ("providers: {gemini: {key_env: [ONE, OTHER]}}\n", {"OTHER": "k"}, {"a": "m-", "b": "RA"}),
            ("providers: {openai: {key_env: MINE}}\n", {"OPENAI_API_KEY": "k"}, {"a": "mA", "b": "mA"}),
            ("providers: {openai: {enabled: false}}\n", {"OPENAI_API_KEY": "k"}, {"a": "R-", "b": "mA"}),
        ],
    )
    def test_once_a_model_is_real_auto_picks_no_mock(
        self, tmp_path: Path, more: str, env: dict[str, str], expected: dict[str, str]
    ) -> None:
        """While none is real all are mocks and all are routed; a switched-off model counts for nothing."""
        snapshot = compiled(tmp_path, TWO + more, env)
        assert states(snapshot) == expected
        assert snapshot.any_real == any(m.real and m.enabled for m in snapshot.models.values())

    def test_a_row_with_one_real_deployment_calls_the_real_one_alone(self, tmp_path: Path) -> None:
        row = "models:\n  a: {provider: openai, id: x, deployments: [{provider: llama, id: y}]}\n"
        model = compiled(tmp_path, row, {"LLAMA_API_KEY": "k"}).models["a"]
        assert (model.real, [(t.provider, t.mock) for t in model.targets]) == (True, [("llama", False)])
        both = compiled(tmp_path, row).models["a"]
        assert [(t.provider, t.mock) for t in both.targets] == [("openai", True), ("llama", True)]

    def test_an_embedding_model_and_a_disabled_one_are_never_routed(self, tmp_path: Path) -> None:
        rows = ONE + "  e: {provider: openai, id: e, kind: embedding}\n  d: {provider: openai, id: d, enabled: false}\n"
        assert states(compiled(tmp_path, rows)) == {"a": "mA", "e": "m-", "d": "m-"}


class TestHosts:
    @pytest.mark.parametrize(
        ("provider", "dialect", "wire", "base_url", "key"),
        [
            ("openai", "openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
            ("anthropic", "anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
            ("gemini", "gemini", "gemini", "https://generativelanguage.googleapis.com", "GEMINI_API_KEY"),
            ("mistral", "mistral", "mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
            ("llama", "openai", "llama", "https://api.deepinfra.com/v1/openai", "LLAMA_API_KEY"),
        ],
    )
    def test_the_five_are_built_in(self, tmp_path: Path, provider: str, dialect: str, wire: str, base_url: str, key: str) -> None:
        target = compiled(tmp_path, f"models: {{a: {{provider: {provider}, id: x}}}}").models["a"].targets[0]
        assert (target.dialect, target.wire, target.base_url, target.key_env) == (dialect, wire, base_url, (key,))

    def test_a_providers_row_changes_single_fields_and_adds_hosts(self, tmp_path: Path) -> None:
        """An added host speaks OpenAI's dialect unless it says otherwise; the slash at the end goes."""
        text = """models:
  a: {provider: openai, id: x}
  g: {provider: groq, id: y}
  p: {provider: proxy, id: z}
providers:
  openai: {base_url: 'http://127.0.0.1:9/v1/'}
  groq: {base_url: 'https://api.groq.com/openai/v1', key_env: [GROQ_A, GROQ_B]}
  proxy: {base_url: 'https://claude.example/', dialect: anthropic, key_env: null}
"""
        targets = {name: model.targets[0] for name, model in compiled(tmp_path, text).models.items()}
        told = {name: (t.dialect, t.wire, t.base_url, t.key_env) for name, t in targets.items()}
        assert told == {
            "a": ("openai", "openai", "http://127.0.0.1:9/v1", ("OPENAI_API_KEY",)),
            "g": ("openai", "llama", "https://api.groq.com/openai/v1", ("GROQ_A", "GROQ_B")),
            "p": ("anthropic", "anthropic", "https://claude.example", ()),
        }


class TestRetirement:
    def test_a_retired_row_is_answered_by_its_successor_and_says_so(self, tmp_path: Path) -> None:
        """By name only, at the successor's price, under the successor's name."""
        snapshot = compiled(tmp_path, OLD_AND_NEW, {"ANTHROPIC_API_KEY": "k"})
        old, new = snapshot.models["old"], snapshot.models["new"]
        assert old.retired
        assert states(snapshot) == {"old": "R-", "new": "RA"}
        assert old.targets == new.targets
        assert (old.targets[0].name, old.targets[0].model_id) == ("new", "claude-sonnet-5-5")
        assert old.rates == new.rates
        assert old.warning == "claude-3-sonnet-20240229 was retired on 2025-07-21; anthropic/claude-sonnet-5-5 answers for it"

    def test_a_row_retires_on_its_day_and_not_before(self, tmp_path: Path) -> None:
        """The date passes without an edit of the file."""
        text = OLD_AND_NEW.replace("20240229", "20240229, retires_on: 2026-11-26, successor: new")
        before, after = (compiled(tmp_path, text, day=date(2026, 11, day)).models["old"] for day in (25, 26))
        assert (before.retired, before.routable, before.targets[0].name) == (False, True, "old")
        assert (after.retired, after.routable, after.targets[0].name) == (True, False, "new")
        assert before.warning == "claude-3-sonnet-20240229 retires on 2026-11-26; its successor is new"

    def test_a_successor_that_is_no_row_comes_from_the_catalogue(self, tmp_path: Path) -> None:
        model = compiled(tmp_path, "models: {old: {provider: gemini, id: gemini-1.5-pro}}").models["old"]
        target = model.targets[0]
        assert (target.name, target.provider, target.model_id) == ("old", "gemini", "gemini-4-argon")
        assert model.rates is not None
        assert model.rates.input == 2_000_000

    def test_a_successor_that_nobody_knows_is_called_all_the_same(self, tmp_path: Path) -> None:
        """The operator said so; only its price is unknown."""
        row = "models: {old: {provider: openai, id: x, retires_on: 2020-01-01, successor: llama/acme/next}}"
        model = compiled(tmp_path, row).models["old"]
        assert (model.targets[0].provider, model.targets[0].model_id, model.rates) == ("llama", "acme/next", None)

    def test_successors_are_followed_until_one_lives(self, tmp_path: Path) -> None:
        text = """models:
  a: {provider: openai, id: x, retires_on: 2020-01-01, successor: b}
  b: {provider: openai, id: y, retires_on: 2021-01-01, successor: openai/z}
  c: {provider: openai, id: z}
"""
        assert compiled(tmp_path, text).models["a"].targets[0].name == "c"

    def test_without_a_successor_the_old_name_is_called_with_a_warning(self, tmp_path: Path) -> None:
        model = compiled(tmp_path, "models: {a: {provider: openai, id: x, retires_on: 2020-01-01}}").models["a"]
        assert (model.targets[0].model_id, model.routable) == ("x", False)
        assert model.warning == "x was retired on 2020-01-01 and has no successor in the configuration"


class TestPrices:
    def test_per_thousand_and_per_million_are_the_same_price(self, tmp_path: Path) -> None:
        """Through decimal text: 0.0003 times a thousand in binary is not 0.3."""
        thousand = compiled(tmp_path, "models: {a: {provider: openai, id: x, price_in: 0.0003, price_out: 0.0011}}")
        million = compiled(
            tmp_path, "models: {a: {provider: openai, id: x, price_in_per_million: 0.3, price_out_per_million: 1.1}}"
        )
        assert thousand.models["a"].rates == million.models["a"].rates
        rates = thousand.models["a"].rates
        assert rates is not None
        assert (rates.input, rates.output, rates.cached) == (300_000, 1_100_000, 300_000)

    def test_an_unknown_price_is_none_and_a_given_zero_is_zero(self, tmp_path: Path) -> None:
        rows = "models:\n  a: {provider: llama, id: no-such}\n  b: {provider: llama, id: own, price_in: 0, price_out: 0}\n"
        models = compiled(tmp_path, rows).models
        assert models["a"].rates is None
        assert models["b"].rates is not None
        assert models["b"].rates.input == 0

    def test_a_price_far_off_the_list_is_a_warning(self, tmp_path: Path) -> None:
        """Five times is tolerated, more is most often a price per million under the name of one per thousand."""
        near = "models: {a: {provider: openai, id: gpt-4o-mini, price_in: 0.00075, price_out: 0.003}}"
        far = "models: {a: {provider: openai, id: gpt-4o-mini, price_in: 0.15, price_out: 0.0006}}"
        assert compiled(tmp_path, near).warnings == ()
        (warning,) = compiled(tmp_path, far).warnings
        assert warning.startswith("models.a.price_in is 150 US dollars per million tokens, the list price 0.15: ")

    def test_llama_at_another_host_has_no_list_price(self, tmp_path: Path) -> None:
        """Open weights cost what their host asks."""
        row = "models: {a: {provider: llama, id: meta-llama/Llama-3.3-70B-Instruct-Turbo}}\n"
        assert compiled(tmp_path, row).models["a"].rates is not None
        assert compiled(tmp_path, row + "providers: {llama: {base_url: 'http://localhost:8080/v1'}}\n").models["a"].rates is None

    def test_a_deployment_costs_its_own_providers_price_unless_the_row_gives_one(self, tmp_path: Path) -> None:
        place = "deployments: [{provider: anthropic, id: claude-haiku-4-5}]"
        listed = compiled(tmp_path, f"models: {{a: {{provider: openai, id: gpt-4o, {place}}}}}").models["a"].targets
        own = compiled(tmp_path, f"models: {{a: {{provider: openai, id: gpt-4o, {place}, price_in: 0.002, price_out: 0.01}}}}")
        assert [t.rates and t.rates.input for t in listed] == [2_500_000, 1_000_000]
        assert [t.rates and t.rates.input for t in own.models["a"].targets] == [2_000_000, 2_000_000]

    def test_a_dated_price_changes_with_the_day(self, tmp_path: Path) -> None:
        row = "models: {a: {provider: gemini, id: gemini-4-argon}}"
        rates = [compiled(tmp_path, row, day=day).models["a"].rates for day in (date(2026, 11, 30), date(2026, 12, 1))]
        assert [r and r.input for r in rates] == [2_000_000, 4_000_000]


class TestDigest:
    def test_it_names_settings_day_and_who_is_real(self, tmp_path: Path) -> None:
        """Equal for equal meaning, be the file written as it may; other for another day, key or setting."""
        digest = compiled(tmp_path, ONE).digest
        assert digest == compiled(tmp_path, "# a comment\n" + ONE + "mode: balanced\n").digest
        others = [
            compiled(tmp_path, ONE, day=date(2026, 11, 26)).digest,
            compiled(tmp_path, ONE, {"OPENAI_API_KEY": "k"}).digest,
            compiled(tmp_path, ONE + "mode: fast\n").digest,
            compiled(tmp_path, ONE, {"CACHE_TTL_SECONDS": "5"}).digest,
        ]
        assert len({digest, *others}) == 5
        assert len(digest) == 16

    def test_no_secret_has_a_part_in_it(self, tmp_path: Path) -> None:
        """It is shown in every reply: from a short password's hash the password could be guessed."""
        a, b = (
            compiled(tmp_path, ONE, {"OPENAI_API_KEY": s, "REDIS_URL": f"redis://:{s}@h/0"}).digest for s in ("x", "y%2F%40z")
        )
        assert a == b


def test_paths_lie_in_the_home_folder_unless_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    text = ONE + "logging: {per_call_path: /var/log/calls.jsonl, daily_rollup_path: ~/daily.json}\ncache: {path: c/x.sqlite}\n"
    snapshot = compiled(tmp_path, text)
    assert snapshot.logging.per_call_path == "/var/log/calls.jsonl"
    assert snapshot.logging.daily_rollup_path == "/home/someone/daily.json"
    assert snapshot.cache.path == str(tmp_path / "c/x.sqlite")


def test_variables_override_the_file(tmp_path: Path) -> None:
    """An empty variable overrides nothing; REDIS_URL does not select Redis."""
    env = {"REDIS_URL": "redis://h:1/2", "CACHE_TTL_SECONDS": "60", "HOST": "::1", "PORT": "9000"}
    text = ONE + "cache: {ttl_seconds: 5}\nserver: {port: 1}\n"
    new, old = compiled(tmp_path, text, env), compiled(tmp_path, text, dict.fromkeys(env, ""))
    assert (new.cache.redis_url, new.cache.ttl_seconds, new.server.host, new.server.port) == ("redis://h:1/2", 60, "::1", 9000)
    assert (old.cache.ttl_seconds, old.server.host, old.server.port) == (5, "127.0.0.1", 1)
    assert new.cache.backend == "local"


def test_yaml_words_mean_themselves(tmp_path: Path) -> None:
    """Names such as `no`, `none` and `y` stay the words they are."""
    rows = "models: {no: {provider: openai, id: none}, y: {provider: openai, id: nullable}}\n"
    text = rows + "cache: {backend: none}\naliases: {off: no, on: y}\n"
    snapshot = compiled(tmp_path, text)
    assert list(snapshot.models) == ["no", "y"]
    assert snapshot.models["no"].model_id == "none"
    assert snapshot.names["off"].name == "no"
    assert snapshot.cache.backend == "none"


def test_compiling_keeps_the_environment_as_it_is(tmp_path: Path) -> None:
    values = {"OPENAI_API_KEY": "k"}
    environment = Environment(tmp_path, values, frozenset())
    compiled(tmp_path, ONE, values)
    assert environment.values == {"OPENAI_API_KEY": "k"}


class TestKeysAndLimits:
    """Several keys make several targets of one host; limits and wishes of a provider reach who heeds them."""

    TWO = ONE + "providers: {openai: {key_env: [A, B, C], on_disconnect: drain, limits: {max_in_flight: 7}}}\n"

    def test_each_key_that_is_set_is_a_target_of_its_own(self, tmp_path: Path) -> None:
        model = compiled(tmp_path, self.TWO, {"A": "ka", "C": "kc", "B": " "}).models["a"]
        assert [target.key_env for target in model.targets] == [("A",), ("C",)]
        assert {target.on_disconnect for target in model.targets} == {"drain"}

    def test_the_same_key_under_two_names_is_one_key(self, tmp_path: Path) -> None:
        """Else it would have two cooldowns, and a quota would be met twice."""
        model = compiled(tmp_path, self.TWO, {"A": "same", "B": "same", "C": "other"}).models["a"]
        assert [target.key_env for target in model.targets] == [("A",), ("C",)]

    def test_cache_keys_do_not_know_how_many_keys_there_are(self, tmp_path: Path) -> None:
        one, two = (compiled(tmp_path, self.TWO, env).models["a"].hosts for env in ({"A": "ka"}, {"A": "ka", "B": "kb"}))
        assert one == two == ("openai/gpt-4o-mini@https://api.openai.com/v1",)

    def test_the_digest_knows_which_keys_are_balanced_but_not_the_keys(self, tmp_path: Path) -> None:
        digests = [
            compiled(tmp_path, self.TWO, env).digest
            for env in ({"A": "ka", "B": "kb"}, {"A": "other", "B": "kb"}, {"A": "ka", "C": "kb"})
        ]
        assert digests[0] == digests[1] != digests[2]

    def test_without_a_key_there_is_one_mock(self, tmp_path: Path) -> None:
        assert [target.mock for target in compiled(tmp_path, self.TWO).models["a"].targets] == [True]

    def test_limits_and_hedging_are_compiled_with_their_defaults(self, tmp_path: Path) -> None:
        snapshot = compiled(tmp_path, self.TWO + "routing: {hedge: {enabled: true}}\n")
        assert (snapshot.provider_limits["openai"].max_in_flight, snapshot.provider_limits["openai"].max_queue) == (7, 100)
        assert snapshot.provider_limits["gemini"].max_in_flight is None
        assert snapshot.routing.hedge == Hedge(enabled=True, min_samples=20, max_share=0.1)


class TestFilesThatLieOpen:
    """Secrets in files that every user may read are told at the start, never repeated."""

    @pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)])
    def test_an_env_file_with_keys(self, tmp_path: Path, mode: int, warned: bool) -> None:
        (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-canary\n")
        (tmp_path / ".env").chmod(mode)
        environment = read_environment({"LLM_ROUTER_HOME": str(tmp_path)})
        (tmp_path / "config.yaml").write_text(ONE)
        loaded = load(tmp_path / "config.yaml", environment.values)
        told = compile_snapshot(loaded, environment, str(tmp_path / "config.yaml"), DAY).warnings
        assert [f"chmod 600 {tmp_path / '.env'}" in line and "canary" not in line for line in told] == [True] * warned

    def test_an_env_file_without_secrets_may_lie_open(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("OPENAI_API_KEY=\nPORT=8000\n")
        (tmp_path / ".env").chmod(0o644)
        assert read_environment({"LLM_ROUTER_HOME": str(tmp_path)}).warnings == ()

    def test_a_config_with_a_password(self, tmp_path: Path) -> None:
        text = ONE + "cache: {redis_url: 'redis://:canary@localhost:6379/0'}\n"
        compiled(tmp_path, text)
        (tmp_path / "config.yaml").chmod(0o644)
        [told] = compiled(tmp_path, text).warnings
        assert "chmod 600" in told and "canary" not in told
        assert compiled(tmp_path, text, {"REDIS_URL": "redis://elsewhere"}).warnings == ()
        (tmp_path / "config.yaml").chmod(0o600)
        assert compiled(tmp_path, text).warnings == ()
