//! Which connections another one announces: `PORT` of FTP, `m=` of SDP, `SEND` of DCC.
//!
//! A firewall that follows connections must let these in, so it reads the protocols that
//! announce them. Each parser here takes the payload of one packet and says what to expect;
//! none keeps more than a bounded piece of a message that was cut by segments. Any bytes go
//! in: what is no message of the protocol announces nothing.
//!
//! What is accepted follows the RFCs, and where they leave a choice what Linux's helpers do:
//! each parser's head says where it differs. An announcement of an address that is not the
//! sender's own is never expected by Linux (its modules' defaults): it is handed out with
//! [`Expectation::third_party`] set, as a finding.

mod ftp;
mod h225;
mod h245;
mod irc;
mod lines;
mod messages;
mod names;
mod per;
mod q931;
mod sdp;
mod sip;
mod talk;
mod text;
mod tftp;

#[cfg(test)]
mod hostile;

use crate::decode::Address;
use crate::track::key::proto::{TCP, UDP};
use lines::Lines;
pub use messages::MAX_MESSAGE;
use messages::Messages;

/// Most connections that one packet can announce; more are dropped and counted.
pub const MAX_EXPECTATIONS: usize = 16;

/// Who sent a packet, of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who opened the connection.
    Orig,
    /// Who was asked.
    Resp,
}

/// The ends of the packet that carries a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Ends {
    pub proto: u8,
    pub src: Address,
    pub sport: u16,
    pub dst: Address,
    pub dport: u16,
}

/// What an expected connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// FTP's data connection.
    FtpData,
    /// A file or a chat between two users of IRC.
    IrcDcc,
    /// TFTP's transfer.
    TftpData,
    /// Calls to an address registered with SIP.
    SipSignalling,
    /// A media stream.
    Rtp,
    /// Its reports.
    Rtcp,
    /// The control channel of a call.
    H245,
    /// A data channel of a call.
    T120,
    /// The callee's talk asks the caller's daemon where the caller is.
    TalkLookup,
    /// The conversation itself.
    TalkData,
    /// Answers to an SNMP request that was broadcast.
    SnmpReply,
    /// Answers to a NetBIOS name query that was broadcast.
    NetbiosReply,
}

impl Kind {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::FtpData => "ftp_data",
            Self::IrcDcc => "irc_dcc",
            Self::TftpData => "tftp_data",
            Self::SipSignalling => "sip",
            Self::Rtp => "rtp",
            Self::Rtcp => "rtcp",
            Self::H245 => "h245",
            Self::T120 => "t120",
            Self::TalkLookup => "talk_lookup",
            Self::TalkData => "talk_data",
            Self::SnmpReply => "snmp_reply",
            Self::NetbiosReply => "netbios_reply",
        }
    }

    /// The helper that reads the expected connection, whatever its ports; the helper of
    /// the connection that announced it is `parent`.
    pub fn helper(self, parent: Helper) -> Option<Helper> {
        match self {
            Self::H245 => Some(Helper::H245),
            Self::SipSignalling | Self::TalkLookup => Some(parent),
            _ => None,
        }
    }

    /// Any number of connections may match until the expectation's time is over: many
    /// hosts answer a broadcast, many calls reach a registered address.
    pub fn is_permanent(self) -> bool {
        matches!(
            self,
            Self::SipSignalling | Self::SnmpReply | Self::NetbiosReply
        )
    }
}

/// A connection that another one announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// IP protocol number.
    pub proto: u8,
    /// Who will open it; None: anybody.
    pub src: Option<Address>,
    /// From which port; None: any.
    pub sport: Option<u16>,
    /// To whom.
    pub dst: Address,
    /// To which port.
    pub dport: u16,
    /// What for.
    pub kind: Kind,
    /// The address announced is not the sender's own: what Linux refuses to expect. Bounce
    /// attacks look so, and translators that forgot to rewrite the payload.
    pub third_party: bool,
}

/// Which parser reads a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Helper {
    Ftp,
    Irc,
    Tftp,
    Sip,
    Q931,
    H245,
    Talk,
    Ntalk,
    Snmp,
    NetbiosNs,
}

/// Protocol, port of who was asked, helper: the ports Linux's modules have as defaults
/// (talk: IANA's).
const PORTS: [(u8, u16, Helper); 10] = [
    (TCP, 21, Helper::Ftp),
    (TCP, 1720, Helper::Q931),
    (TCP, 5060, Helper::Sip),
    (TCP, 6667, Helper::Irc),
    (UDP, 69, Helper::Tftp),
    (UDP, 137, Helper::NetbiosNs),
    (UDP, 161, Helper::Snmp),
    (UDP, 517, Helper::Talk),
    (UDP, 518, Helper::Ntalk),
    (UDP, 5060, Helper::Sip),
];

impl Helper {
    /// The helper of connections to a port; H.245 has none, its port is announced.
    pub fn of(proto: u8, port: u16) -> Option<Self> {
        let found = PORTS.iter().find(|row| (row.0, row.1) == (proto, port));
        found.map(|row| row.2)
    }

    /// Its name, as `conntrack -L` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Irc => "irc",
            Self::Tftp => "tftp",
            Self::Sip => "sip",
            Self::Q931 => "Q.931",
            Self::H245 => "H.245",
            Self::Talk => "talk",
            Self::Ntalk => "ntalk",
            Self::Snmp => "snmp",
            Self::NetbiosNs => "netbios-ns",
        }
    }
}

/// What waits for the rest of a message that segments cut, per sender.
#[derive(Clone, Debug)]
enum Waiting {
    Nothing,
    Lines([Lines; 2]),
    Messages([Messages; 2]),
}

/// What a helper keeps of one connection.
#[derive(Clone, Debug)]
pub struct State {
    helper: Helper,
    waiting: Waiting,
    n_dropped: u32,
}

impl State {
    /// The state of a connection that begins.
    pub fn new(helper: Helper, proto: u8) -> Self {
        let waiting = match helper {
            _ if proto != TCP => Waiting::Nothing,
            Helper::Ftp | Helper::Irc => Waiting::Lines(Default::default()),
            Helper::Sip | Helper::Q931 | Helper::H245 => Waiting::Messages(Default::default()),
            _ => Waiting::Nothing,
        };
        Self {
            helper,
            waiting,
            n_dropped: 0,
        }
    }

    /// Which parser reads it.
    pub fn helper(&self) -> Helper {
        self.helper
    }

    /// Bytes kept from segments before; at most 2 × [`MAX_MESSAGE`].
    pub fn n_waiting_bytes(&self) -> usize {
        match &self.waiting {
            Waiting::Nothing => 0,
            Waiting::Lines(sides) => sides.iter().map(Lines::n_waiting).sum(),
            Waiting::Messages(sides) => sides.iter().map(Messages::n_waiting).sum(),
        }
    }

    /// Messages too long to keep, and announcements above [`MAX_EXPECTATIONS`].
    pub fn n_dropped(&self) -> u32 {
        let too_long: u32 = match &self.waiting {
            Waiting::Nothing => 0,
            Waiting::Lines(sides) => sides.iter().map(|side| side.n_dropped).sum(),
            Waiting::Messages(sides) => sides.iter().map(|side| side.n_dropped).sum(),
        };
        self.n_dropped.saturating_add(too_long)
    }

    /// Bytes of a sender are missing: what waits for its rest will not get it.
    pub fn gap(&mut self, side: Side) {
        match &mut self.waiting {
            Waiting::Nothing => {}
            Waiting::Lines(sides) => sides[side as usize].gap(),
            Waiting::Messages(sides) => sides[side as usize].gap(),
        }
    }

    /// What one packet's payload announces. TCP payloads come in order, each byte once.
    /// Where a snap length cut the payload, call [`State::gap`] behind it.
    pub fn parse(&mut self, side: Side, ends: &Ends, payload: &[u8]) -> Vec<Expectation> {
        let mut found = Vec::new();
        if payload.is_empty() {
            return found;
        }
        let which = side as usize;
        match (self.helper, &mut self.waiting) {
            (Helper::Ftp, Waiting::Lines(sides)) => sides[which].push(payload, |line| {
                found.extend(ftp::line(side, ends, line));
            }),
            (Helper::Irc, Waiting::Lines(sides)) => sides[which].push(payload, |line| {
                irc::line(side, ends, line, &mut found);
            }),
            (Helper::Sip, Waiting::Messages(sides)) => {
                sides[which].push(payload, sip::extent, |message| {
                    sip::message(ends, message, &mut found);
                });
            }
            (Helper::Q931, Waiting::Messages(sides)) => {
                sides[which].push(payload, q931::tpkt_extent, |packet| {
                    q931::packet(ends, packet, &mut found);
                });
            }
            (Helper::H245, Waiting::Messages(sides)) => {
                sides[which].push(payload, q931::tpkt_extent, |packet| {
                    h245::packet(ends, packet, &mut found);
                });
            }
            (Helper::Sip, _) => sip::message(ends, payload, &mut found),
            (Helper::Tftp, _) => found.extend(tftp::datagram(side, ends, payload)),
            (Helper::Talk | Helper::Ntalk, _) => {
                talk::datagram(
                    self.helper == Helper::Ntalk,
                    side,
                    ends,
                    payload,
                    &mut found,
                );
            }
            (Helper::Snmp, _) => found.extend(names::snmp(side, ends, payload)),
            (Helper::NetbiosNs, _) => found.extend(names::netbios(side, ends, payload)),
            // Their lines and packets belong to TCP.
            (Helper::Ftp | Helper::Irc | Helper::Q931 | Helper::H245, _) => {}
        }
        let too_many = found.len().saturating_sub(MAX_EXPECTATIONS);
        self.n_dropped = self.n_dropped.saturating_add(too_many as u32);
        found.truncate(MAX_EXPECTATIONS);
        found
    }
}

/// Both streams of a media session, expected from the receiver of the announcement: RTP on
/// an even port, RTCP on the next (RFC 3550, 11); port 0 means none. Already known ones are
/// left out.
fn expect_media(ends: &Ends, address: Address, port: u16, found: &mut Vec<Expectation>) {
    if port == 0 || text::is_unspecified(&address) {
        return;
    }
    for (kind, dport) in [(Kind::Rtp, port & !1), (Kind::Rtcp, port | 1)] {
        let expectation = Expectation {
            proto: UDP,
            src: Some(ends.dst),
            sport: None,
            dst: address,
            dport,
            kind,
            third_party: address != ends.src,
        };
        if dport != 0 && found.len() <= MAX_EXPECTATIONS && !found.contains(&expectation) {
            found.push(expectation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_by_port() {
        assert_eq!(Helper::of(TCP, 21), Some(Helper::Ftp));
        assert_eq!(Helper::of(UDP, 21), None);
        assert_eq!(Helper::of(UDP, 5060), Some(Helper::Sip));
        assert_eq!(Helper::of(TCP, 443), None);
        assert_eq!(Kind::H245.helper(Helper::Q931), Some(Helper::H245));
        assert_eq!(Kind::Rtp.helper(Helper::Sip), None);
    }

    #[test]
    fn a_gap_forgets_what_waited() {
        let ends = text::ends(TCP, [10, 0, 0, 1], 4000, [10, 0, 0, 2], 21);
        let mut state = State::new(Helper::Ftp, TCP);
        assert!(state.parse(Side::Orig, &ends, b"PORT 10,0,0,").is_empty());
        assert_eq!(state.n_waiting_bytes(), 12);
        state.gap(Side::Orig);
        assert_eq!(state.n_waiting_bytes(), 0);
        assert!(state.parse(Side::Orig, &ends, b"1,4,1\r\n").is_empty());
        let found = state.parse(Side::Orig, &ends, b"PORT 10,0,0,1,4,1\r\n");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let ends = text::ends(TCP, [10, 0, 0, 1], 4000, [10, 0, 0, 2], 21);
        let mut state = State::new(Helper::Ftp, TCP);
        let many = b"PORT 10,0,0,1,4,1\r\n".repeat(MAX_EXPECTATIONS + 3);
        assert_eq!(
            state.parse(Side::Orig, &ends, &many).len(),
            MAX_EXPECTATIONS
        );
        assert_eq!(state.n_dropped(), 3);
    }
}
