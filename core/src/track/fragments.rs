//! Which flow the later fragments of a datagram belong to.

use super::gist::Gist;
use crate::decode::Address;

/// Most datagrams remembered; the oldest is forgotten for a new one.
const MOST: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Datagram {
    src: Address,
    dst: Address,
    proto: u8,
    ipid: u16,
}

impl Datagram {
    fn of(packet: &Gist) -> Option<Self> {
        let (src, dst) = packet.ends();
        packet.ipid.map(|ipid| Self {
            src,
            dst,
            proto: packet.directed.key.proto,
            ipid,
        })
    }
}

/// A flow and the side that sends the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Slab number.
    pub flow: u32,
    /// Flow id: the slab number may have been used again since.
    pub id: u64,
    /// The sender is the key's high endpoint.
    pub from_high: bool,
}

/// A ring of the datagrams whose first fragment was seen last.
#[derive(Debug, Default)]
pub struct Fragments {
    ring: Vec<(Datagram, Owner)>,
    next: usize,
}

impl Fragments {
    /// Remembers the first fragment of a datagram.
    pub fn remember(&mut self, packet: &Gist, owner: Owner) {
        let Some(datagram) = Datagram::of(packet) else {
            return;
        };
        if self.ring.len() < MOST {
            self.ring.push((datagram, owner));
        } else {
            self.ring[self.next] = (datagram, owner);
        }
        self.next = (self.next + 1) % MOST;
    }

    /// Whose datagram a later fragment belongs to; the newest where several match.
    pub fn owner(&self, packet: &Gist) -> Option<Owner> {
        let datagram = Datagram::of(packet)?;
        let (older, newer) = self.ring.split_at(self.next.min(self.ring.len()));
        let newest_first = older.iter().rev().chain(newer.iter().rev());
        newest_first
            .into_iter()
            .find(|(known, _)| *known == datagram)
            .map(|(_, owner)| *owner)
    }
}
