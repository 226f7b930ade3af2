//! How strict the connection tracker is: named profiles and single settings.

use super::timeout::{Timeout, Timeouts};

/// The tracker's settings. The default is Linux's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtConfig {
    /// Segments out of the window are accepted, but for the RSTs that `RstBeforeAck` names
    /// (Linux: `nf_conntrack_tcp_be_liberal`).
    pub liberal: bool,
    /// Connections under way are picked up (`nf_conntrack_tcp_loose`).
    pub loose: bool,
    /// A RST below the last acknowledgement does not make it invalid by itself
    /// (`nf_conntrack_tcp_ignore_invalid_rst`).
    pub ignore_invalid_rst: bool,
    /// What is let pass with a note is invalid, as RFC 9293 and RFC 5961 have it for an end.
    pub strict: bool,
    /// A segment must end inside the window, not only begin there.
    pub whole_segment: bool,
    /// A RST must have the number that is expected next, give or take one.
    pub exact_rst: bool,
    /// Timestamps that run back are invalid (RFC 7323 section 5).
    pub paws: bool,
    /// Packets with a wrong checksum are invalid (`nf_conntrack_checksum`, which Linux has on: a
    /// capture shows wrong ones that are none on the wire). Ones left to a card are not wrong.
    pub checksum: bool,
    /// Payloads on the ports of helpers are read for the connections that they announce: as
    /// Linux does where its rules assign a helper to each port.
    pub helpers: bool,
    /// How often the same ACK may come before the entry is given less time
    /// (`nf_conntrack_tcp_max_retrans`).
    pub max_repeats: u8,
    /// Most entries.
    pub max_entries: usize,
    /// Seconds per state.
    pub timeouts: Timeouts,
}

/// The names that [`CtConfig::parse`] takes for a whole set of settings.
pub const PROFILES: [&str; 3] = ["linux", "pf-like", "strict"];

impl CtConfig {
    /// Linux's nf_conntrack with its defaults.
    pub const LINUX: Self = Self {
        liberal: false,
        loose: true,
        ignore_invalid_rst: false,
        strict: false,
        whole_segment: false,
        exact_rst: false,
        paws: false,
        checksum: false,
        helpers: true,
        max_repeats: 3,
        max_entries: 1_000_000,
        timeouts: Timeouts::LINUX,
    };

    /// What OpenBSD's pf does by default (`flags S/SA`), as far as it differs from Linux in
    /// kind: only a SYN begins an entry, segments must end in the window, a RST must be exact.
    pub const PF_LIKE: Self = Self {
        loose: false,
        whole_segment: true,
        exact_rst: true,
        timeouts: Timeouts::PF,
        ..Self::LINUX
    };

    /// What an end that follows RFC 9293, RFC 5961 and RFC 7323 to the letter would take.
    pub const STRICT: Self = Self {
        loose: false,
        strict: true,
        exact_rst: true,
        paws: true,
        ..Self::LINUX
    };

    /// Reads settings like `linux`, `pf-like,loose`, `liberal,loose=0,udp_timeout=60`: words
    /// between commas, each a profile (first, if any), a setting, or `setting=number`. An
    /// error names the word.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut config = Self::LINUX;
        for (place, word) in text.split(',').map(str::trim).enumerate() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (word, None),
            };
            let name = name.replace('-', "_");
            let profile = match name.as_str() {
                "linux" => Some(Self::LINUX),
                "pf_like" => Some(Self::PF_LIKE),
                "strict" => Some(Self::STRICT),
                _ => None,
            };
            match profile {
                Some(profile) if place == 0 && value.is_none() => config = profile,
                // Later, `strict` is the setting of that name.
                Some(_) if name != "strict" => {
                    return Err(format!("a profile comes first: {word:?}"));
                }
                _ => config.set(&name, value, word)?,
            }
        }
        Ok(config)
    }

    fn set(&mut self, name: &str, value: Option<&str>, word: &str) -> Result<(), String> {
        let number = || -> Result<u32, String> {
            let digits = value.ok_or_else(|| format!("{word:?} lacks =number"))?;
            let number = digits.parse();
            number.map_err(|_| format!("{word:?}: not a number from 0 to 2**32 - 1"))
        };
        let flag = match name {
            "liberal" => Some(&mut self.liberal),
            "loose" => Some(&mut self.loose),
            "ignore_invalid_rst" => Some(&mut self.ignore_invalid_rst),
            "strict" => Some(&mut self.strict),
            "whole_segment" => Some(&mut self.whole_segment),
            "exact_rst" => Some(&mut self.exact_rst),
            "paws" => Some(&mut self.paws),
            "checksum" => Some(&mut self.checksum),
            "helpers" => Some(&mut self.helpers),
            _ => None,
        };
        if let Some(flag) = flag {
            *flag = match value {
                None | Some("1") => true,
                Some("0") => false,
                Some(_) => return Err(format!("{word:?}: 0 or 1")),
            };
        } else if name == "max_retrans" {
            self.max_repeats = number()?.min(u8::MAX.into()) as u8;
        } else if name == "max_entries" {
            self.max_entries = (number()?.min(u32::MAX - 1) as usize).max(1);
        } else if let Some(timeout) = Timeout::ALL.iter().find(|timeout| timeout.name() == name) {
            self.timeouts.set(*timeout, number()?);
        } else {
            return Err(format!("no such setting: {word:?}"));
        }
        Ok(())
    }
}

impl Default for CtConfig {
    fn default() -> Self {
        Self::LINUX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_profiles_settings_and_timeouts() {
        assert_eq!(CtConfig::parse("linux"), Ok(CtConfig::LINUX));
        for profile in PROFILES {
            assert!(CtConfig::parse(profile).is_ok(), "{profile}");
        }
        let config = CtConfig::parse("liberal, loose=0,ignore-invalid-rst,udp_timeout=7").unwrap();
        assert!(config.liberal && !config.loose && config.ignore_invalid_rst);
        assert_eq!(config.timeouts.seconds(Timeout::Udp), 7);
        let config = CtConfig::parse("pf-like,strict=1,max_entries=9,checksum").unwrap();
        assert!(config.checksum && config.strict && config.whole_segment);
        assert_eq!(config.max_entries, 9);
    }

    #[test]
    fn errors_name_the_word() {
        for text in [
            "",
            "loose,linux",
            "lose=0",
            "loose=2",
            "udp_timeout",
            "udp_timeout=-1",
        ] {
            let word = text.rsplit(',').next().unwrap();
            let message = CtConfig::parse(text).unwrap_err();
            assert!(message.contains(word), "{text}: {message}");
        }
    }
}
