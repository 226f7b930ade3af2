"""Guests: whole virtual machines with a kernel and a clock of their own.

Emulated in software (TCG), so that it runs anywhere. `clocksource=hpet` gives a guest exactly the
host's rate; `adjtimex` inside then sets it off by the skew asked for.
"""

from __future__ import annotations

import lzma
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.guests import initramfs
from lab.guests.debian import Release
from lab.guests.namespaces import GATEWAY
from lab.guests.processes import CommandError
from lab.guests.scenario import INSIDE_NETWORK, Machine

_SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie"}
# A 6.12 kernel panics under emulation with -cpu max, and now and then with cmpxchg16b.
_CPU = {"5.10": "max", "6.1": "max", "6.12": "qemu64,-cx16"}
_MEMORY_MIB = 128
_MODULES = ("virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev",
            "virtio_pci", "failover", "net_failover", "virtio_net")  # fmt: skip
_INIT = Path(__file__).parent / "machine" / "init"


@dataclass(frozen=True)
class Kernel:
    """A kernel in the cache: its image and the modules a guest needs."""

    directory: Path

    @property
    def image(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def version(self) -> str:
        """Its package's version, say 6.1.0-50-cloud-amd64."""
        return (self.directory / "version").read_text().strip()

    def modules(self) -> dict[str, bytes]:
        """File names in the guest and contents."""
        return {f"lib/{path.name}": path.read_bytes() for path in self.directory.glob("*.ko")}


def fetch_kernel(release: str, cache: Path) -> Kernel:
    """The newest Debian cloud kernel of a Linux release, from the cache or by apt.

    Raises CommandError where it cannot be had.
    """
    kernel = Kernel(cache / f"linux-{release}")
    if kernel.image.exists():
        return kernel
    debian = Release(_SUITES[release], cache)
    pattern = rf"^linux-image-{release.replace('.', '[.]')}[.].*-cloud-amd64$"
    package = debian.newest(pattern)
    tree = cache / f"unpacked-{release}"
    debian.unpack(package, tree)
    version = package.removeprefix("linux-image-")
    kernel.directory.mkdir(parents=True, exist_ok=True)
    for name in _MODULES:
        for path in tree.rglob(f"{name}.ko*"):  # what is missing is built in
            data = path.read_bytes()
            content = lzma.decompress(data) if path.suffix == ".xz" else data
            (kernel.directory / f"{name}.ko").write_bytes(content)
    (kernel.directory / "version").write_text(version)
    # Last: its presence says that the directory is complete.
    shutil.move(next(tree.rglob(f"vmlinuz-{version}")), kernel.image)
    shutil.rmtree(tree)
    return kernel


def file_system(machine: Machine, kernel: Kernel, program: Path, plan: str) -> bytes:
    """The initramfs of one guest. Raises CommandError without a static busybox."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise CommandError("no busybox")
    settings = {
        "ip": machine.ip,
        "netmask": INSIDE_NETWORK.netmask,
        "gateway": GATEWAY,
        "tcp_timestamps": machine.tcp_timestamps,
        "ttl": machine.ttl,
        "frequency": round(machine.skew_ppm * 65536),
        "more_ips": f'"{" ".join(machine.ips[1:])}"',
        "serves": f'"{" ".join(map(str, machine.serves))}"',
    }
    conf = "".join(f"{name}={value}\n" for name, value in settings.items())
    files = {
        "init": _INIT.read_bytes(),
        "bin/busybox": Path(busybox).read_bytes(),
        "bin/sockets-machine": program.read_bytes(),
        "machine.conf": conf.encode(),
        "plan": plan.encode(),
        **kernel.modules(),
    }
    return initramfs.archive(files, frozenset({"init", "bin/busybox", "bin/sockets-machine"}))


def command(machine: Machine, kernel: Kernel, initrd: Path, tap: str, console: Path) -> list[str]:
    """The command line of one guest; runs in the router's namespace, where the tap is.

    `no_timer_check`: on a busy host the timer's first ticks come too late for the kernel's test of
    it, and it panics at boot. A guest that panics ends QEMU.
    """
    words = f"""qemu-system-x86_64 -accel tcg -M q35 -cpu {_CPU[machine.kernel or ""]}
        -m {_MEMORY_MIB} -display none -no-reboot -nodefaults
        -netdev tap,id=n0,ifname={tap},script=no,downscript=no
        -device virtio-net-pci,netdev=n0,mac={machine.mac},romfile=""".split()
    return [
        *words,
        "-kernel", str(kernel.image),
        "-initrd", str(initrd),
        "-serial", f"file:{console}",
        "-append", "console=ttyS0 quiet panic=-1 clocksource=hpet no_timer_check",
    ]  # fmt: skip
