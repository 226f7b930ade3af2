//! Steps of the IPv4 identification (RFC 6864; Bellovin 2002).

/// Greatest step that counts as a small one.
pub const SMALL: u16 = 64;

/// What one side's identifications do from packet to packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpidSteps {
    /// Packets with an identification.
    pub n: u32,
    /// First identification.
    pub first: u16,
    /// Last identification.
    pub last: u16,
    /// Packets with DF.
    pub n_df: u32,
    /// Packets whose identification is 0.
    pub n_zero: u32,
    /// Steps of 0.
    pub n_same: u32,
    /// Steps of +1.
    pub n_one: u32,
    /// Steps of +2 to +[`SMALL`].
    pub n_small: u32,
    /// Steps of +1 with the bytes swapped.
    pub n_swap_one: u32,
    /// Steps of +2 to +[`SMALL`] with the bytes swapped.
    pub n_swap_small: u32,
}

impl IpidSteps {
    /// Adds the next packet's identification.
    #[inline]
    pub fn push(&mut self, ipid: u16, dont_fragment: bool) {
        if self.n == 0 {
            self.first = ipid;
        } else {
            let step = ipid.wrapping_sub(self.last);
            let swapped = ipid.swap_bytes().wrapping_sub(self.last.swap_bytes());
            self.n_same += u32::from(step == 0);
            self.n_one += u32::from(step == 1);
            self.n_small += u32::from((2..=SMALL).contains(&step));
            self.n_swap_one += u32::from(swapped == 1);
            self.n_swap_small += u32::from((2..=SMALL).contains(&swapped));
        }
        self.last = ipid;
        self.n = self.n.wrapping_add(1);
        self.n_df += u32::from(dont_fragment);
        self.n_zero += u32::from(ipid == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_both_byte_orders_and_wraps() {
        let mut steps = IpidSteps::default();
        for ipid in [0xffff, 0x0000, 0x0000, 0x0005, 0x0105, 0x0605] {
            steps.push(ipid, true);
        }
        assert_eq!((steps.n, steps.n_df, steps.n_zero), (6, 6, 2));
        assert_eq!((steps.n_same, steps.n_one, steps.n_small), (1, 1, 1));
        // Swapped: ffff 0000 0000 0500 0501 0506.
        assert_eq!((steps.n_swap_one, steps.n_swap_small), (2, 1));
        assert_eq!((steps.first, steps.last), (0xffff, 0x0605));
    }
}
