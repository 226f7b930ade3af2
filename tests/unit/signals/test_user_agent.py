from __future__ import annotations

from hashlib import sha256

import pytest
from payload_flows import flows_of

from wiretell.model.tables import OBSERVATIONS
from wiretell.signals import user_agent

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:33.0) Gecko/20100101 Firefox/33.0"


def get(agent: str, extra: str = "") -> bytes:
    return f"GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: {agent}\r\n{extra}\r\n".encode()


def test_request_gives_agent_system_client_and_host() -> None:
    found = user_agent.extract(flows_of({"orig_payload": get(FIREFOX) * 2}))
    assert found.schema == OBSERVATIONS.schema
    assert dict(found.select("quantity", "text").iter_rows()) == {
        "user_agent": FIREFOX,
        "user_agent_os": "Windows 10",
        "user_agent_client": "Firefox 33",
        "http_host": "a.example",
    }
    assert found.height == 4
    assert set(found.select("address", "flow_id", "side", "time_ns").iter_rows()) == {
        ("10.0.0.1", 0, 0, 1_000)
    }


def test_cookie_is_never_kept_itself() -> None:
    found = user_agent.extract(flows_of({"orig_payload": get("x", "Cookie: sid=secret; a=b\r\n")}))
    cookies = found.filter(quantity="http_cookie")["text"].to_list()
    assert cookies[0] == "a.example " + sha256(b"sid=secret").hexdigest()[:16]
    assert len(cookies) == 2
    assert not any("secret" in text for text in found["text"].to_list())


def test_cut_agent_has_its_own_quantity_and_no_system() -> None:
    found = user_agent.extract(flows_of({"orig_payload": get(FIREFOX)[:-30]}))
    texts = dict(found.select("quantity", "text").iter_rows())
    assert FIREFOX.startswith(texts["user_agent_cut"])
    assert "user_agent_os" not in texts


def test_connection_joined_midway_and_other_side_are_read() -> None:
    midway = b"ost: a.example\r\n" + get("later/1").split(b"\r\n", 2)[2]
    reply = (
        b"HTTP/1.1 200 OK\r\nServer: nginx\r\nVia: 1.1 squid\r\n"
        b"Date: Thu, 01 Jan 1970 00:00:10 GMT\r\n\r\n"
    )
    found = user_agent.extract(
        flows_of({"orig_payload": midway, "resp_payload": reply, "resp_payload_ns": 7_500_000_000})
    )
    rows = {row["quantity"]: row for row in found.iter_rows(named=True)}
    assert rows["user_agent"]["text"] == "later/1"
    assert rows["http_server"]["address"] == "192.0.2.1"
    assert rows["http_server"]["side"] == 1
    assert rows["http_date"]["value"] == pytest.approx(2.5)
    assert rows["http_date"]["unit"] == "s"


@pytest.mark.parametrize(
    ("agent", "system"),
    [
        ("Dalvik/1.6.0 (Linux; U; Android 4.4.2; C6603 Build/10.5.A.0.230)", "Android 4.4.2"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_8_5) AppleWebKit/537", "Mac OS X 10.8.5"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0", "Linux"),
        ("Microsoft-CryptoAPI/6.1", "Windows 7"),
        ("Microsoft NCSI", "Windows"),
        ("CaptiveNetworkSupport-355.200.27 wispr", "Apple"),
        ("curl/8.1", None),
    ],
)
def test_system_named_by_an_agent(agent: str, system: str | None) -> None:
    assert user_agent.read_user_agent(agent)[0] == system


def test_facts_of_one_side_are_bounded() -> None:
    many = b"".join(get(f"agent/{i}", "Cookie: " + f"a{i}=b; " * 40 + "\r\n") for i in range(200))
    found = user_agent.extract(flows_of({"orig_payload": many}))
    assert found.group_by("quantity").len()["len"].max() <= 64  # type: ignore[operator]


def test_no_payload_gives_an_empty_table() -> None:
    assert user_agent.extract(flows_of({})).equals(OBSERVATIONS.empty())
    assert user_agent.extract(flows_of()).equals(OBSERVATIONS.empty())
