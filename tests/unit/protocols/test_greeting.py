from __future__ import annotations

from wiretell.protocols import greeting


def test_mail_and_file_greetings() -> None:
    assert greeting.helo(b"EHLO laptop.local\r\nMAIL FROM:<a>\r\n") == "laptop.local"
    assert greeting.helo(b"\r\nhelo [10.0.0.2]\n") == "[10.0.0.2]"
    assert greeting.helo(b"EHLO lapto") is None
    assert greeting.helo(b"MAIL FROM:<EHLO x>\r\n") is None
    assert greeting.banner(b"220 mail.example ESMTP\r\n") == "mail.example ESMTP"
    assert greeting.banner(b"220-first\r\n220 second\r\n") == "first"
    assert greeting.banner(b"* OK IMAP ready\r\n") == "IMAP ready"
    assert greeting.banner(b"220 cut") is None
