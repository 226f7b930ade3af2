"""What a guest is given to start with."""

import gzip

import pytest

from lab.guests import qemu
from lab.guests.processes import CommandError
from lab.guests.scenario import Machine

MACHINE = Machine(2, "laptop", "linux-6.12", skew_ppm=-35, tcp_timestamps=1, ttl=128)


@pytest.fixture
def kernel(tmp_path):
    directory = tmp_path / "linux"
    directory.mkdir()
    (directory / "virtio_net.ko").write_bytes(b"a module")
    (directory / "vmlinuz").write_bytes(b"an image")
    (directory / "version").write_text("6.12.0-cloud\n")
    return qemu.Kernel(directory)


def test_a_guest_gets_its_clock_its_settings_and_its_plan(tmp_path, monkeypatch, kernel):
    (tmp_path / "busybox").write_bytes(b"a busybox")
    (tmp_path / "busybox").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "program"
    program.write_bytes(b"a program")
    files = gzip.decompress(qemu.file_system(MACHINE, kernel, program, "dns 1 192.0.2.1 53 x\n"))
    assert f"frequency={-35 * 65536}\n".encode() in files  # as adjtimex counts: ppm * 2^16
    assert b"tcp_timestamps=1\nttl=128\n" in files
    assert b"ip=10.77.0.12\nnetmask=255.255.255.0\ngateway=10.77.0.1\n" in files
    assert b'more_ips=""\nserves=""\n' in files
    for content in (b"a busybox", b"a module", b"a program", b"dns 1 192.0.2.1 53 x\n"):
        assert content in files


def test_a_guest_needs_busybox(tmp_path, monkeypatch, kernel):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="busybox"):
        qemu.file_system(MACHINE, kernel, tmp_path / "program", "")


def test_a_guest_runs_on_the_exact_clock_and_its_own_address(tmp_path, kernel):
    words = qemu.command(MACHINE, kernel, tmp_path / "initrd", "tap2", tmp_path / "console")
    assert {"clocksource=hpet", "no_timer_check"} <= set(words[words.index("-append") + 1].split())
    assert f"virtio-net-pci,netdev=n0,mac={MACHINE.mac},romfile=" in words
    assert kernel.version == "6.12.0-cloud"
