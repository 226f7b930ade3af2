//! IRC: what a user offers to another by DCC, `PRIVMSG nick :\x01DCC SEND file 3232235777 5000 99\x01`.
//!
//! Source: the client-to-client protocol of ircII (1994, "CTCP"), RFC 2812 for the line.
//! The address is a decimal number of 32 bits, or a written IPv6 address. Like Linux only what
//! a client sends to its server counts, in `PRIVMSG`, and the verbs SEND, CHAT, MOVE, TSEND,
//! SCHAT. Port 0 (the other side shall listen) announces nothing. Anybody may connect: who
//! was offered the file is known by a nick alone.

use super::text::{address, behind, find, is_unspecified, mapped, number, port, until};
use super::{Ends, Expectation, Kind, Side};
use crate::decode::Address;
use crate::track::key::proto::TCP;

const VERBS: [&[u8]; 5] = [b"SEND ", b"CHAT ", b"MOVE ", b"TSEND ", b"SCHAT "];
const MARK: &[u8] = b"\x01DCC ";

/// Adds what a line announces.
pub(super) fn line(side: Side, ends: &Ends, line: &[u8], found: &mut Vec<Expectation>) {
    if side == Side::Resp {
        return;
    }
    let Some(mut rest) = message_text(line) else {
        return;
    };
    while let Some(at) = find(rest, MARK) {
        rest = &rest[at + MARK.len()..];
        if let Some((address, dport)) = offer(rest)
            && !is_unspecified(&address)
        {
            found.push(Expectation {
                proto: TCP,
                src: None,
                sport: None,
                dst: address,
                dport,
                kind: Kind::IrcDcc,
                third_party: address != ends.src,
            });
        }
    }
}

/// The text of a message to somebody; a client may send its own name in front.
fn message_text(line: &[u8]) -> Option<&[u8]> {
    let line = match line.strip_prefix(b":") {
        Some(named) => until(named, b' ')?.1,
        None => line,
    };
    let (_nick, text) = until(behind(line, b"PRIVMSG ")?, b' ')?;
    Some(text)
}

/// Behind `DCC `: verb, file name (in quotes where it has blanks), address, port.
fn offer(text: &[u8]) -> Option<(Address, u16)> {
    let rest = VERBS.iter().find_map(|verb| behind(text, verb))?;
    let rest = match rest.strip_prefix(b"\"") {
        Some(quoted) => until(quoted, b'"')?.1.strip_prefix(b" ")?,
        None => until(rest, b' ')?.1,
    };
    let (host, rest) = until(rest.trim_ascii_start(), b' ')?;
    let address = match number(host) {
        Some((value, b"")) => mapped(value.to_be_bytes()),
        _ => address(host).filter(|_| host.contains(&b':'))?,
    };
    let (dport, rest) = port(rest.trim_ascii_start())?;
    let ends_well = matches!(rest.first(), None | Some(b' ' | 1));
    ends_well.then_some((address, dport))
}

#[cfg(test)]
mod tests {
    use super::super::text::ends;
    use super::*;

    fn read(text: &[u8]) -> Vec<Expectation> {
        let mut found = Vec::new();
        let ends = ends(TCP, [192, 168, 1, 1], 40_000, [192, 0, 2, 9], 6667);
        line(Side::Orig, &ends, text, &mut found);
        found
    }

    #[test]
    fn offers() {
        let wanted = Expectation {
            proto: TCP,
            src: None,
            sport: None,
            dst: mapped([192, 168, 1, 1]),
            dport: 5000,
            kind: Kind::IrcDcc,
            third_party: false,
        };
        for text in [
            &b"PRIVMSG amy :\x01DCC SEND file 3232235777 5000 99\x01"[..],
            b"PRIVMSG amy :\x01DCC SEND \"a long file\" 3232235777 5000 99\x01",
            b"privmsg amy :\x01DCC CHAT chat 3232235777 5000\x01",
            b":bob PRIVMSG amy :\x01DCC tsend f 3232235777 5000 7\x01",
        ] {
            assert_eq!(read(text), [wanted]);
        }
    }

    #[test]
    fn what_is_no_offer() {
        for text in [
            &b"NOTICE amy :\x01DCC SEND file 3232235777 5000 99\x01"[..],
            b"PRIVMSG amy :DCC SEND file 3232235777 5000 99",
            b"PRIVMSG amy :\x01DCC RESUME file 5000 99\x01",
            b"PRIVMSG amy :\x01DCC SEND file 3232235777 0 99 token\x01",
            b"PRIVMSG amy :\x01DCC SEND file 3232235777 70000 99\x01",
            b"PRIVMSG amy :\x01DCC SEND file 99999999999 5000 99\x01",
            b"PRIVMSG amy :\x01DCC SEND file 3232235777 5000x\x01",
        ] {
            assert_eq!(read(text), []);
        }
    }

    #[test]
    fn a_forged_address_is_a_third_party() {
        let found = read(b"PRIVMSG amy :\x01DCC CHAT chat 16909060 5000\x01");
        assert_eq!(
            (found[0].dst, found[0].third_party),
            (mapped([1, 2, 3, 4]), true)
        );
    }

    #[test]
    fn an_ipv6_address_is_written_out() {
        let found = read(b"PRIVMSG amy :\x01DCC CHAT chat 2001:db8::7 5000\x01");
        assert_eq!(found[0].dst[15], 7);
    }

    #[test]
    fn what_the_server_relays_announces_nothing() {
        let mut found = Vec::new();
        let ends = ends(TCP, [192, 0, 2, 9], 6667, [192, 168, 1, 1], 40_000);
        let text = b":bob PRIVMSG amy :\x01DCC CHAT chat 16909060 5000\x01";
        line(Side::Resp, &ends, text, &mut found);
        assert_eq!(found, []);
    }
}
