from __future__ import annotations

from wiretell.protocols import http1

GET = (
    b"GET /a?b=c HTTP/1.1\r\nHost: Example.org\r\nuser-agent:  curl/8.1 \r\n"
    b"Cookie: sid=1; theme=dark=er; bare\r\nReferer: http://u@news.example:8080/x\r\n"
    b"Via: 1.1 proxy\r\nX-Forwarded-For: 10.0.0.9\r\n\r\n"
)


def test_one_request_gives_every_field() -> None:
    (request,) = http1.requests(GET)
    assert request == http1.Request(
        method="GET",
        target="/a?b=c",
        host="Example.org",
        user_agent="curl/8.1",
        user_agent_cut=False,
        cookies=((b"sid", b"1"), (b"theme", b"dark=er")),
        referer_host="news.example:8080",
        via="1.1 proxy",
        forwarded_for="10.0.0.9",
    )


def test_pipelined_requests_and_announced_bodies_are_passed_over() -> None:
    post = b"POST /p HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nGET / HTT"
    found = http1.requests(GET + post + GET)
    assert [r.method for r in found] == ["GET", "POST", "GET"]


def test_chunked_body_ends_the_reading() -> None:
    post = b"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"
    assert [r.method for r in http1.requests(post + GET)] == ["POST"]


def test_cut_user_agent_is_marked_and_cut_cookie_left_out() -> None:
    (request,) = http1.requests(b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 (Win")
    assert (request.user_agent, request.user_agent_cut) == ("Mozilla/5.0 (Win", True)
    (request,) = http1.requests(b"GET / HTTP/1.1\r\nCookie: a=1; b=2")
    assert request.cookies == ((b"a", b"1"),)
    (request,) = http1.requests(b"GET / HTTP/1.1\r\nHost: exam")
    assert request.host is None


def test_header_joined_midway_counts_only_if_it_is_nothing_but_fields() -> None:
    (request,) = http1.requests(b"gth: 3\r\nUser-Agent: x/1\r\nHost: h\r\n\r\n")
    assert (request.method, request.user_agent, request.host) == ("", "x/1", "h")
    assert http1.requests(b"some text\nUser-Agent: x/1\nmore text\n\n") == []


def test_folded_field_and_bare_line_feeds_are_read() -> None:
    (request,) = http1.requests(b"GET / HTTP/1.0\nUser-Agent: a\n  b\n\n")
    assert request.user_agent == "a b"


def test_text_that_is_not_utf8_is_kept_as_latin1_with_its_control_characters() -> None:
    (request,) = http1.requests(b"GET / HTTP/1.1\r\nUser-Agent: caf\xe9\x1b[31m\r\n\r\n")
    assert request.user_agent == "caf\xe9\x1b[31m"


def test_long_user_agent_is_bounded() -> None:
    (request,) = http1.requests(b"GET / HTTP/1.1\r\nUser-Agent: " + b"a" * 3000 + b"\r\n\r\n")
    assert request.user_agent == "a" * 512


def test_response_date_and_server() -> None:
    reply = (
        b"HTTP/1.1 200 OK\r\nServer: nginx/1.6.3\r\nContent-Length: 2\r\n"
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nok"
    )
    found = http1.responses(reply + reply)
    assert found == [http1.Response(200, "nginx/1.6.3", None, 784111777)] * 2


def test_dates_that_are_none() -> None:
    for date in (b"Sun, 31 Feb 1994 08:49:37 GMT", b"Sun, 06 Anf 1994 08:49:37 GMT", b"now"):
        (response,) = http1.responses(b"HTTP/1.1 200 OK\r\nDate: " + date + b"\r\n\r\n")
        assert response.date_s is None


def test_what_is_not_http_gives_nothing() -> None:
    assert http1.requests(b"") == []
    assert http1.requests(b"\x16\x03\x01\x02\x00") == []
    assert http1.responses(b"SSH-2.0-x\r\n") == []
