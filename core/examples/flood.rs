//! Memory under a SYN flood: `flood [MILLIONS [SETTINGS]]`. Each SYN comes from another
//! address and port, 200,000 a second.

#![allow(clippy::print_stdout)]

use wiretell_core::capture::Frame;
use wiretell_core::decode::decode;
use wiretell_core::track::{BATCH_PACKETS, Batch, Config, CtConfig, Tracker};

const STEP_NS: i64 = 5_000;
const LINKTYPE_RAW: u16 = 101;

/// An IPv4 SYN; its source address and port are `number`'s bits.
fn syn(number: u64) -> [u8; 40] {
    let mut data = [0; 40];
    data[..4].copy_from_slice(&[0x45, 0, 0, 40]);
    (data[8], data[9]) = (64, 6);
    data[12..16].copy_from_slice(&(0x0b00_0000 + (number / 50_000) as u32).to_be_bytes());
    data[16..20].copy_from_slice(&[192, 0, 2, 2]);
    data[20..22].copy_from_slice(&(10_000 + (number % 50_000) as u16).to_be_bytes());
    data[22..24].copy_from_slice(&80u16.to_be_bytes());
    data[24..28].copy_from_slice(&(number as u32).wrapping_mul(2_654_435_761).to_be_bytes());
    (data[32], data[33]) = (0x50, 0x02);
    data[34..36].copy_from_slice(&1000u16.to_be_bytes());
    data
}

/// Resident memory in kB, where the system tells.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn main() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let millions = words.next().map_or(Ok(10), |word| word.parse::<u64>());
    let settings = words.next().unwrap_or_else(|| "linux".into());
    let ct = CtConfig::parse(&settings)?;
    let mut tracker = Tracker::with_conntrack(Config::default(), ct, None, false);
    let mut batch = Batch::default();
    let mut number = 0;
    for million in 1..=millions.map_err(|error| error.to_string())? {
        while number < million * 1_000_000 {
            let data = syn(number);
            number += 1;
            let frame = Frame {
                number,
                time_ns: 1_700_000_000_000_000_000 + number as i64 * STEP_NS,
                link_type: LINKTYPE_RAW,
                interface: 0,
                data: &data,
                wire_len: 40,
            };
            batch.push(&decode(&frame), tracker.hasher());
            if batch.len() == BATCH_PACKETS {
                batch.fold(&mut tracker);
            }
            if number % 65_536 == 0 {
                tracker.drain();
            }
        }
        batch.fold(&mut tracker);
        let conntrack = tracker.conntrack().ok_or("no connection table")?;
        let counters = conntrack.counters();
        println!(
            "{million:3} M SYNs: {} flows, {} entries alive, {} dropped early, {} expired, {} kB",
            tracker.n_active(),
            conntrack.len(),
            counters.early_dropped,
            counters.expired,
            resident_kb(),
        );
    }
    Ok(())
}
