//! FTP: PORT and the answer to PASV (RFC 959), EPRT and the answer to EPSV (RFC 2428).
//!
//! Commands come from the client, answers from the server; both name where the sender
//! waits for the data connection. The answer to PASV has no fixed words: its numbers begin
//! with the first digit behind the code (RFC 1123, 4.1.2.6). Linux reads only the start of
//! a segment that begins a line and drops a segment that cuts one; here every line counts,
//! cut or not.

use super::text::{address, behind, bytes, is_ipv4, is_unspecified, mapped, number, port, until};
use super::{Ends, Expectation, Kind, Side};
use crate::decode::Address;
use crate::track::key::proto::TCP;

/// What a line announces.
pub(super) fn line(side: Side, ends: &Ends, line: &[u8]) -> Option<Expectation> {
    let (address, dport) = match side {
        Side::Orig => command(line)?,
        Side::Resp => answer(ends, line)?,
    };
    (!is_unspecified(&address)).then_some(Expectation {
        proto: TCP,
        src: Some(ends.dst),
        sport: None,
        dst: address,
        dport,
        kind: Kind::FtpData,
        third_party: address != ends.src,
    })
}

fn command(line: &[u8]) -> Option<(Address, u16)> {
    if let Some(rest) = behind(line, b"PORT ") {
        let (found, rest) = host_port(rest.trim_ascii_start())?;
        return rest.trim_ascii_end().is_empty().then_some(found);
    }
    extended_port(behind(line, b"EPRT ")?.trim_ascii_start())
}

fn answer(ends: &Ends, line: &[u8]) -> Option<(Address, u16)> {
    if let Some(rest) = line.strip_prefix(b"227 ") {
        let at = rest.iter().position(u8::is_ascii_digit)?;
        return Some(host_port(&rest[at..])?.0);
    }
    let (_, rest) = until(line.strip_prefix(b"229 ")?, b'(')?;
    let (&delimiter, rest) = rest.split_first()?;
    let rest = rest.strip_prefix(&[delimiter, delimiter])?;
    let (dport, rest) = port(rest)?;
    (is_delimiter(delimiter) && rest.first() == Some(&delimiter)).then_some((ends.src, dport))
}

/// `h1,h2,h3,h4,p1,p2`
fn host_port(text: &[u8]) -> Option<((Address, u16), &[u8])> {
    let ([a, b, c, d, high, low], rest) = bytes::<6>(text, b',')?;
    let dport = u16::from_be_bytes([high, low]);
    (dport != 0).then_some(((mapped([a, b, c, d]), dport), rest))
}

/// `|1|132.235.1.2|6275|`, with any printable delimiter.
fn extended_port(text: &[u8]) -> Option<(Address, u16)> {
    let (&delimiter, rest) = text.split_first()?;
    let (version, rest) = number(rest)?;
    let (host, rest) = until(rest.strip_prefix(&[delimiter])?, delimiter)?;
    let (dport, rest) = port(rest)?;
    let address = address(host)?;
    let agrees = match version {
        1 => is_ipv4(&address),
        2 => !is_ipv4(&address),
        _ => false,
    };
    (is_delimiter(delimiter) && agrees && rest.first() == Some(&delimiter))
        .then_some((address, dport))
}

/// RFC 2428, 2: printable, and no digit could be one.
fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::super::text::ends;
    use super::*;

    fn client() -> Ends {
        ends(TCP, [132, 235, 1, 2], 40_000, [192, 0, 2, 9], 21)
    }

    fn server() -> Ends {
        ends(TCP, [192, 0, 2, 9], 21, [132, 235, 1, 2], 40_000)
    }

    fn expected(dst: [u8; 4], dport: u16, src: [u8; 4], third_party: bool) -> Option<Expectation> {
        Some(Expectation {
            proto: TCP,
            src: Some(mapped(src)),
            sport: None,
            dst: mapped(dst),
            dport,
            kind: Kind::FtpData,
            third_party,
        })
    }

    #[test]
    fn port_in_any_case() {
        let wanted = expected([132, 235, 1, 2], 6275, [192, 0, 2, 9], false);
        for text in ["PORT 132,235,1,2,24,131", "port 132,235,1,2,24,131 "] {
            assert_eq!(line(Side::Orig, &client(), text.as_bytes()), wanted);
        }
        // A server's line is no command.
        assert_eq!(line(Side::Resp, &server(), b"PORT 192,0,2,9,24,131"), None);
    }

    #[test]
    fn numbers_that_are_none() {
        for text in [
            "PORT 132,235,1,2,24",
            "PORT 132,235,1,2,24,256",
            "PORT 132,235,1,2,0,0",
            "PORT 132.235.1.2,24,131",
            "PORT 132,235,1,2,24,131,7",
            "PORT 0,0,0,0,24,131",
            "PORTS 132,235,1,2,24,131",
        ] {
            assert_eq!(line(Side::Orig, &client(), text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_bounce_is_a_third_party() {
        assert_eq!(
            line(Side::Orig, &client(), b"PORT 198,51,100,7,0,25"),
            expected([198, 51, 100, 7], 25, [192, 0, 2, 9], true)
        );
    }

    #[test]
    fn the_answer_to_pasv_in_many_words() {
        let wanted = expected([192, 0, 2, 9], 1031, [132, 235, 1, 2], false);
        for text in [
            "227 Entering Passive Mode (192,0,2,9,4,7)",
            "227 Entering Passive Mode (192,0,2,9,4,7).",
            "227 =192,0,2,9,4,7",
            "227 Entering Passive Mode. 192,0,2,9,4,7",
        ] {
            assert_eq!(
                line(Side::Resp, &server(), text.as_bytes()),
                wanted,
                "{text}"
            );
        }
        assert_eq!(line(Side::Orig, &client(), b"227 (192,0,2,9,4,7)"), None);
    }

    #[test]
    fn eprt_as_rfc_2428_shows_it() {
        assert_eq!(
            line(Side::Orig, &client(), b"EPRT |1|132.235.1.2|6275|"),
            expected([132, 235, 1, 2], 6275, [192, 0, 2, 9], false)
        );
        let found = line(
            Side::Orig,
            &client(),
            b"EPRT |2|1080::8:800:200C:417A|5282|",
        )
        .unwrap();
        assert_eq!((found.dport, found.third_party), (5282, true));
        assert_eq!(found.dst[14..], [0x41, 0x7a]);
        for text in [
            "EPRT |2|132.235.1.2|6275|",
            "EPRT |1|132.235.1.2|6275",
            "EPRT 11132.235.1.2161",
            "EPRT |3|132.235.1.2|6275|",
        ] {
            assert_eq!(line(Side::Orig, &client(), text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_answer_to_epsv_as_rfc_2428_shows_it() {
        assert_eq!(
            line(
                Side::Resp,
                &server(),
                b"229 Entering Extended Passive Mode (|||6446|)"
            ),
            expected([192, 0, 2, 9], 6446, [132, 235, 1, 2], false)
        );
        for text in [
            "229 (|||6446)",
            "229 (||6446|)",
            "229 |||6446|",
            "229 (|||0|)",
        ] {
            assert_eq!(line(Side::Resp, &server(), text.as_bytes()), None, "{text}");
        }
    }
}
