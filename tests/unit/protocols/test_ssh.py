from __future__ import annotations

from hashlib import md5

from wiretell.protocols import ssh

LISTS = (
    b"curve25519-sha256",
    b"ssh-ed25519",
    b"aes-up",
    b"aes-down",
    b"mac-up",
    b"mac-down",
    b"none",
    b"zlib",
    b"",
    b"",
)


def kexinit(lists: tuple[bytes, ...] = LISTS) -> bytes:
    body = b"\x14" + bytes(16) + b"".join(len(x).to_bytes(4, "big") + x for x in lists) + bytes(5)
    return (len(body) + 1 + 4).to_bytes(4, "big") + b"\x04" + body + bytes(4)


def test_banner_and_fingerprints_of_both_directions() -> None:
    opening = ssh.opening(b"SSH-2.0-OpenSSH_9.6 comment\r\n" + kexinit())
    assert opening is not None
    assert opening.banner == "SSH-2.0-OpenSSH_9.6 comment"
    assert opening.key_exchange is not None
    assert opening.key_exchange.lists == LISTS
    up = md5(b"curve25519-sha256;aes-up;mac-up;none").hexdigest()
    down = md5(b"curve25519-sha256;aes-down;mac-down;zlib").hexdigest()
    assert opening.key_exchange.hassh(client=True) == up
    assert opening.key_exchange.hassh(client=False) == down


def test_cut_key_exchange_leaves_the_banner() -> None:
    opening = ssh.opening((b"SSH-2.0-x\n" + kexinit())[:-60])
    assert opening == ssh.Opening("SSH-2.0-x", None)
    assert ssh.opening(b"SSH-2.0-unfinished") is None
    assert ssh.opening(b"SSH-2.0-x\r\n" + b"\xff" * 64) == ssh.Opening("SSH-2.0-x", None)
