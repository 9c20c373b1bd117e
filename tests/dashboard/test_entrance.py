"""Who may see the dashboard: this machine, or whoever logs in; and which writes are taken."""

import pytest

from app.access.admin import AdminKey
from app.dashboard.session import ADDRESSES, BURST, REFILL_SECONDS, Attempts, Sessions, token_of
from support import shipped

from .conftest import ADMIN, Make

CALLER = "a-caller-key-that-is-long-enough-0123"


def test_this_machine_needs_no_login(make: Make) -> None:
    assert make().page().status_code == 200


@pytest.mark.parametrize("peer", ["10.1.2.3", "192.168.0.4", "2001:db8::1", "evil.example"])
def test_nobody_else_sees_anything_without_an_admin_key(make: Make, peer: str) -> None:
    site = make(peer)
    for path in ("", "/login", "/calls", "/live", "/tiles"):
        answer = site.page(path)
        assert answer.status_code == 403 and "LLM_ROUTER_ADMIN_KEY" in answer.text, path


@pytest.mark.parametrize("field", ["forwarded", "x-forwarded-for", "x-real-ip", "via"])
def test_a_proxy_on_this_machine_is_not_this_machine(make: Make, field: str) -> None:
    assert make().page(headers={field: "203.0.113.9"}).status_code == 403


def test_caller_keys_close_the_dashboard_and_do_not_open_it(make: Make) -> None:
    site = make(LLM_ROUTER_API_KEYS=CALLER)
    for headers in ({}, {"authorization": f"Bearer {CALLER}"}, {"x-api-key": CALLER}):
        answer = site.page(headers=headers)
        assert answer.status_code == 403 and "LLM_ROUTER_ADMIN_KEY" in answer.text
        assert CALLER not in answer.text


def test_a_foreign_host_name_is_refused_as_everywhere(make: Make) -> None:
    assert make().page(headers={"host": "rebound.example"}).status_code == 403


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3"])
def test_with_an_admin_key_everybody_logs_in(make: Make, peer: str) -> None:
    site = make(peer, LLM_ROUTER_ADMIN_KEY=ADMIN, LLM_ROUTER_API_KEYS=CALLER)
    turned = site.page("/calls")
    assert turned.status_code == 303 and turned.headers["location"] == "/dashboard/login?next=calls"
    done = site.log_in(next="calls")
    assert done.status_code == 303 and done.headers["location"] == "/dashboard/calls"
    assert site.page("/calls").status_code == 200
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/dashboard" in cookie and ADMIN not in cookie


def test_data_is_refused_without_a_redirect(make: Make) -> None:
    site = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    assert site.page("/live").status_code == 401 and site.page("/tiles").status_code == 401


@pytest.mark.parametrize("next_page", ["//evil.example", "https://evil.example", "..", "\\\\evil", "a?b", "javascript:alert(1)"])
def test_a_login_leads_nowhere_else(make: Make, next_page: str) -> None:
    done = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    where = done.log_in(next=next_page).headers["location"]
    assert where.startswith("/dashboard") and ":" not in where and "\\" not in where


def test_a_wrong_key_is_told_and_not_shown_again(make: Make) -> None:
    site = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    answer = site.log_in("x" * 40)
    assert answer.status_code == 401 and "That is not the key" in answer.text and "x" * 40 not in answer.text
    assert site.page("/calls").status_code == 303


def test_attempts_are_limited_also_for_the_right_key(make: Make) -> None:
    site = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    codes = [site.log_in("x" * 40).status_code for _ in range(BURST + 1)]
    assert codes == [401] * BURST + [429]
    last = site.log_in()
    assert last.status_code == 429 and int(last.headers["retry-after"]) >= 1


def test_an_address_gets_tries_back_with_time_and_all_at_the_right_key() -> None:
    time = [0.0]
    attempts = Attempts(lambda: time[0])
    assert [attempts.wait("a") for _ in range(BURST)] == [0.0] * BURST and attempts.wait("a") > 0 and attempts.wait("b") == 0
    time[0] += REFILL_SECONDS
    assert attempts.wait("a") == 0 and attempts.wait("a") > 0
    attempts.forgive("a")
    assert attempts.wait("a") == 0


def test_many_addresses_together_are_limited_and_do_not_grow_without_end() -> None:
    attempts = Attempts(lambda: 0.0)
    taken = [attempts.wait(f"10.0.{n // 256}.{n % 256}") for n in range(ADDRESSES + 50)]
    assert 0 < taken.count(0.0) < 100 and len(attempts._each) <= ADDRESSES


def test_every_worker_accepts_a_session_and_none_after_the_key_was_changed() -> None:
    cookie = Sessions(AdminKey(ADMIN), lambda: 1000.0).issued()
    assert Sessions(AdminKey(ADMIN), lambda: 2000.0).holds(cookie)
    assert not Sessions(AdminKey(ADMIN + "!"), lambda: 2000.0).holds(cookie)
    assert not Sessions(AdminKey(), lambda: 2000.0).holds(cookie)


def test_a_session_ends_and_cannot_be_made_longer() -> None:
    cookie = Sessions(AdminKey(ADMIN), lambda: 1000.0).issued()
    assert not Sessions(AdminKey(ADMIN), lambda: 1000.0 + 13 * 3600).holds(cookie)
    version, end, nonce, signature = cookie.split(".")
    for forged in (
        f"{version}.{int(end) + 9}.{nonce}.{signature}",
        cookie[:-1],
        cookie + "0",
        "",
        "1...",
        "\u0661.1.a.b",
        cookie * 100,
    ):
        assert not Sessions(AdminKey(ADMIN), lambda: 1000.0).holds(forged)


def test_a_cookie_of_an_old_key_is_refused_over_http(make: Make) -> None:
    old, new = make(LLM_ROUTER_ADMIN_KEY=ADMIN), make(LLM_ROUTER_ADMIN_KEY=ADMIN + "-new")
    assert old.log_in().status_code == 303
    cookie = old.client.cookies.get("llm_router_session")
    assert old.page("/calls", headers={"cookie": f"llm_router_session={cookie}"}).status_code == 200
    assert new.page("/calls", headers={"cookie": f"llm_router_session={cookie}"}).status_code == 303


def test_logging_out_needs_its_form_and_forgets_the_cookie(make: Make) -> None:
    site = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    site.log_in()
    assert site.client.post("/dashboard/logout", data={"token": "0" * 64}, follow_redirects=False).status_code == 403
    token = site.token("/calls")
    assert site.client.post("/dashboard/logout", data={"token": token}, follow_redirects=False).status_code == 303
    assert site.page("/calls").status_code == 303


def test_a_write_from_another_site_is_refused(make: Make) -> None:
    site = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    token = site.token()
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        fields = {"token": token, "key": ADMIN}
        assert site.client.post("/dashboard/login", data=fields, headers=headers, follow_redirects=False).status_code == 403
    assert site.log_in().status_code == 303


def test_a_token_belongs_to_its_cookie() -> None:
    assert token_of("a" * 32) != token_of("b" * 32)


def test_a_form_without_its_cookie_is_refused(make: Make) -> None:
    site = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    token = site.token()
    site.client.cookies.clear()
    assert site.client.post("/dashboard/login", data={"token": token, "key": ADMIN}, follow_redirects=False).status_code == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"token=" + b"x" * 1_100_000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=b"] * 1000), "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe=%ff%00", "application/x-www-form-urlencoded", 403),
        (b"", "application/x-www-form-urlencoded", 403),
    ],
)
def test_a_bad_form_is_a_clear_refusal(make: Make, body: bytes, kind: str, status: int) -> None:
    site = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    assert site.client.post("/dashboard/login", content=body, headers={"content-type": kind}).status_code == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_refused(make: Make, method: str) -> None:
    assert make().client.request(method, "/dashboard").status_code == 405


def test_head_answers_as_get_without_a_body(make: Make) -> None:
    answer = make().client.head("/dashboard")
    assert answer.status_code == 200 and answer.content == b""


def test_the_cookie_is_for_https_alone_where_that_is_spoken(make: Make) -> None:
    site = make(LLM_ROUTER_ADMIN_KEY=ADMIN)
    assert "Secure" not in site.page("/login").headers["set-cookie"]
    site.client.cookies.clear()
    assert "Secure" in site.page("/login", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]


def test_an_admin_key_that_is_too_short_ends_the_start(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make(LLM_ROUTER_ADMIN_KEY="short")
    assert "LLM_ROUTER_ADMIN_KEY: the key needs at least 32 characters" in capsys.readouterr().err


def test_the_rest_of_the_service_is_not_opened_by_the_path(make: Make) -> None:
    site = make(LLM_ROUTER_API_KEYS=CALLER)
    for path in ("/dashboardx", "/dashboard/../v1/models", "//dashboard", "/v1/models"):
        assert site.client.get(path).status_code in (401, 403, 404), path
    assert site.client.get("/dashboardx").status_code == 401


def test_links_keep_the_prefix_of_a_proxy(make: Make) -> None:
    config = shipped().replace("server: {", "server: {root_path: /llm, ")
    site = make(config=config, LLM_ROUTER_ADMIN_KEY=ADMIN)
    for path in ("/dashboard", "/llm/dashboard"):
        turned = site.client.get(path, follow_redirects=False)
        assert turned.headers["location"] == "/llm/dashboard/login", path
    page = site.client.get("/llm/dashboard/login")
    assert 'action="/llm/dashboard/login"' in page.text and "Path=/llm/dashboard;" in page.headers["set-cookie"]
