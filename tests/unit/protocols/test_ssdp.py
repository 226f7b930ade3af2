from __future__ import annotations

from wiretell.protocols import ssdp


def test_ssdp_notification_and_search() -> None:
    notify = (
        b"NOTIFY * HTTP/1.1\r\nSERVER: Linux/3.2 UPnP/1.0 Box/1\r\n"
        b"USN: uuid:12::upnp:rootdevice\r\n"
        b"Location: http://10.0.0.6:80/d.xml\r\n\r\n"
    )
    assert ssdp.parse(notify) == ssdp.Announcement(
        search=False,
        server="Linux/3.2 UPnP/1.0 Box/1",
        usn="uuid:12::upnp:rootdevice",
        user_agent=None,
        location="http://10.0.0.6:80/d.xml",
    )
    search = ssdp.parse(b"M-SEARCH * HTTP/1.1\r\nUSER-AGENT: Browser/1 Windows\r\n\r\n")
    assert search is not None
    assert search.search
    assert search.user_agent == "Browser/1 Windows"
    cut = ssdp.parse(notify[:40])
    assert cut is not None
    assert cut.server is None
    assert ssdp.parse(b"GET / HTTP/1.1\r\n\r\n") is None
