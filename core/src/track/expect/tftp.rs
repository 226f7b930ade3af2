//! TFTP: a request to port 69 is answered from another port of the server (RFC 1350, 4).

use super::{Ends, Expectation, Kind, Side};
use crate::track::key::proto::UDP;

const READ: [u8; 2] = [0, 1];
const WRITE: [u8; 2] = [0, 2];

/// What a datagram announces: the transfer, to the port that asked. Like Linux the opcode
/// alone counts: a file name cut by the snap length is still a request.
pub(super) fn datagram(side: Side, ends: &Ends, payload: &[u8]) -> Option<Expectation> {
    let opcode = *payload.first_chunk::<2>()?;
    (side == Side::Orig && (opcode == READ || opcode == WRITE)).then_some(Expectation {
        proto: UDP,
        src: Some(ends.dst),
        sport: None,
        dst: ends.src,
        dport: ends.sport,
        kind: Kind::TftpData,
        third_party: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::text::{ends, mapped};
    use super::*;

    #[test]
    fn requests_alone_announce() {
        let ends = ends(UDP, [10, 0, 0, 1], 3000, [10, 0, 0, 2], 69);
        for (payload, is_request) in [
            (&b"\0\x01boot.img\0octet\0"[..], true),
            (b"\0\x02log\0netascii\0", true),
            (b"\0\x03\0\x01data", false),
            (b"\0\x05\0\x01no\0", false),
            (b"\0", false),
        ] {
            let found = datagram(Side::Orig, &ends, payload);
            assert_eq!(found.is_some(), is_request);
            assert_eq!(datagram(Side::Resp, &ends, payload), None);
        }
        let found = datagram(Side::Orig, &ends, b"\0\x01x\0octet\0").unwrap();
        assert_eq!(
            (found.src, found.sport),
            (Some(mapped([10, 0, 0, 2])), None)
        );
        assert_eq!((found.dst, found.dport), (mapped([10, 0, 0, 1]), 3000));
    }
}
