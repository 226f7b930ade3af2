"""tcpdump filters, compiled by the system's libpcap into one BPF program per link type.

libpcap compiles against an open capture, so an empty capture of each link type is opened in
memory: what comes out is what `tcpdump -r` runs, the address families of other systems that a
loopback capture may carry included (`pcap_open_dead` knows only those of this machine).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
from functools import cache

from wiretell.errors import ConfigError

NULL, ETHERNET, LOOP, RAW = 0, 1, 108, 101
LINK_TYPES = (ETHERNET, NULL, LOOP, RAW, 12, 14, 228, 229, 113, 276, 9, 50, 105, 127)
"""LINKTYPE numbers that the core decodes; Ethernet first, its errors are the ones shown."""

_RAW_ALIASES = (12, 14)  # DLT_RAW as Linux and OpenBSD number it, found in files all the same
_SNAPLEN = 262_144
_NETMASK_UNKNOWN = 0xFFFFFFFF
_ERROR_BYTES = 256
_INSTRUCTION = struct.Struct("<HBBI")
_LOAD_FIRST_BYTE = _INSTRUCTION.pack(0x30, 0, 0, 0)  # ldb [0]
_SKIP_NEXT_IF_ZERO = _INSTRUCTION.pack(0x15, 1, 0, 0)  # jeq #0, jt 1, jf 0
_JUMP = 0x05  # ja #k


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(_Instruction)))


class _RefusedError(Exception):
    """libpcap's message about one link type."""


def compile_filter(expression: str) -> dict[int, bytes]:
    """Compiles a tcpdump filter: LINKTYPE number -> classic BPF program for `Reader`.

    Eight bytes per instruction (code, jt, jf, k; little-endian). A link type that cannot match
    the expression (`ether host` on raw IP) has no program, and its frames do not match. Host
    names in the expression are resolved by libpcap, as in tcpdump.

    Raises:
        ConfigError: the expression is wrong for every link type, or libpcap is missing.
    """
    if "\0" in expression:
        raise ConfigError("filter: a NUL character has no place in an expression")
    pcap = _libpcap()
    programs: dict[int, bytes] = {}
    first_message = ""
    for link_type in LINK_TYPES:
        try:
            programs[link_type] = _compile_link_type(pcap, expression, link_type)
        except _RefusedError as refusal:
            first_message = first_message or str(refusal)
            if "unknown host" in first_message:  # do not ask the resolver once per link type
                break
    if not programs:
        raise ConfigError(f"filter {expression!r}: {first_message}")
    return programs


def _compile_link_type(pcap: ctypes.CDLL, expression: str, link_type: int) -> bytes:
    if link_type in _RAW_ALIASES:
        link_type = RAW
    little = _compile(pcap, expression, link_type, "<")
    if link_type != NULL:
        return little
    # The family that begins a NULL frame is in the byte order of the machine that captured.
    # Families are below 256, so the first byte is zero in big-endian captures alone.
    big = _compile(pcap, expression, link_type, ">")
    over_big = _INSTRUCTION.pack(_JUMP, 0, 0, len(big) // _INSTRUCTION.size)
    return _LOAD_FIRST_BYTE + _SKIP_NEXT_IF_ZERO + over_big + big + little


def _compile(pcap: ctypes.CDLL, expression: str, link_type: int, byte_order: str) -> bytes:
    """One program for a capture written in `byte_order` ("<" or ">"), by an empty capture."""
    header = struct.pack(f"{byte_order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, link_type)
    memory = ctypes.create_string_buffer(header, len(header))
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    stream = _libc().fmemopen(memory, len(header), b"rb")
    if not stream:
        raise ConfigError("filter: no memory for the filter compiler")
    capture = pcap.pcap_fopen_offline(stream, error)
    if not capture:
        _libc().fclose(stream)
        raise _RefusedError(error.value.decode(errors="replace"))
    program = _Program()
    try:
        text = expression.encode(errors="surrogateescape")
        if pcap.pcap_compile(capture, ctypes.byref(program), text, 1, _NETMASK_UNKNOWN):
            raise _RefusedError(pcap.pcap_geterr(capture).decode(errors="replace"))
        packed = b"".join(
            _INSTRUCTION.pack(i.code, i.jt, i.jf, i.k)
            for i in program.instructions[: program.length]
        )
        pcap.pcap_freecode(ctypes.byref(program))
    finally:
        pcap.pcap_close(capture)  # closes the stream too
    return packed


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.fmemopen.restype = ctypes.c_void_p
    libc.fmemopen.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
    libc.fclose.argtypes = (ctypes.c_void_p,)
    return libc


@cache
def _libpcap() -> ctypes.CDLL:
    name = ctypes.util.find_library("pcap")
    try:
        pcap = ctypes.CDLL(name or "libpcap.so.1")
    except OSError as error:
        raise ConfigError(
            "filters need the system's libpcap, which is not installed"
            " (Debian, Ubuntu: libpcap0.8; Fedora, Alpine, Homebrew: libpcap)"
        ) from error
    pcap.pcap_fopen_offline.restype = ctypes.c_void_p
    pcap.pcap_fopen_offline.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    pcap.pcap_compile.argtypes = (
        ctypes.c_void_p,
        ctypes.POINTER(_Program),
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_uint32,
    )
    pcap.pcap_geterr.restype = ctypes.c_char_p
    pcap.pcap_geterr.argtypes = (ctypes.c_void_p,)
    pcap.pcap_freecode.argtypes = (ctypes.POINTER(_Program),)
    pcap.pcap_close.argtypes = (ctypes.c_void_p,)
    return pcap
