from __future__ import annotations

from wiretell.protocols import sip


def test_sip_request() -> None:
    data = (
        b"REGISTER sip:pbx.example SIP/2.0\r\nUser-Agent: Phone 1\r\nCall-ID: a@b\r\n"
        b'm: "Ann" <sip:ann@10.0.0.4:5060;x=1>;expires=60\r\n\r\n'
    )
    assert sip.parse(data) == sip.Message(True, "Phone 1", "a@b", "sip:ann@10.0.0.4:5060")
    answer = sip.parse(b"SIP/2.0 200 OK\r\nServer: PBX\r\nCall-ID: cut")
    assert answer == sip.Message(False, "PBX", None, None)
    assert sip.parse(b"GET / HTTP/1.1\r\n\r\n") is None
