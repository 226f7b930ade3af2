//! The bytes of one side that are under way: captured, and not acknowledged yet.

/// Most pieces remembered; beyond that the last two become one.
const MAX_PIECES: usize = 16;

/// How far `a` lies beyond `b`, negative where it lies before (RFC 1982).
pub(super) fn beyond(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

/// Pieces of sequence space under way, in order, none touching another.
#[derive(Clone, Debug, Default)]
pub(super) struct Flight {
    pieces: Vec<(u32, u32)>,
}

impl Flight {
    /// These bytes were sent.
    pub fn sent(&mut self, start: u32, end: u32) {
        if beyond(end, start) <= 0 {
            return;
        }
        let before = self.pieces.iter().take_while(|it| beyond(start, it.1) > 0);
        let at = before.count();
        let touched = self.pieces[at..]
            .iter()
            .take_while(|it| beyond(it.0, end) <= 0);
        let n_touched = touched.count();
        let (mut first, mut last) = (start, end);
        if let (Some(left), Some(right)) = (
            self.pieces[at..at + n_touched].first(),
            self.pieces[at..at + n_touched].last(),
        ) {
            first = if beyond(left.0, start) < 0 {
                left.0
            } else {
                start
            };
            last = if beyond(right.1, end) > 0 {
                right.1
            } else {
                end
            };
        }
        self.pieces.splice(at..at + n_touched, [(first, last)]);
        if self.pieces.len() > MAX_PIECES
            && let Some((_, end)) = self.pieces.pop()
            && let Some(piece) = self.pieces.last_mut()
        {
            piece.1 = end;
        }
    }

    /// All before this was acknowledged.
    pub fn acknowledged(&mut self, ack: u32) {
        self.pieces.retain(|it| beyond(it.1, ack) > 0);
        if let Some(first) = self.pieces.first_mut()
            && beyond(ack, first.0) > 0
        {
            first.0 = ack;
        }
    }

    /// From the first byte under way to the last, holes included.
    pub fn span(&self) -> u32 {
        match (self.pieces.first(), self.pieces.last()) {
            (Some(first), Some(last)) => last.1.wrapping_sub(first.0),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_and_leave() {
        let mut flight = Flight::default();
        flight.sent(u32::MAX - 9, 10);
        flight.sent(30, 40);
        assert_eq!((flight.span(), flight.pieces.len()), (50, 2));
        flight.sent(10, 30);
        assert_eq!(flight.pieces, [(u32::MAX - 9, 40)]);
        flight.acknowledged(15);
        assert_eq!(flight.span(), 25);
        flight.sent(5, 10);
        assert_eq!((flight.span(), flight.pieces.len()), (35, 2));
        flight.sent(0, 50);
        assert_eq!(flight.pieces, [(0, 50)]);
        flight.acknowledged(50);
        assert_eq!(flight.span(), 0);
    }

    #[test]
    fn pieces_are_bounded_and_the_span_stays() {
        let mut flight = Flight::default();
        for i in 0..100 {
            flight.sent(i * 20, i * 20 + 10);
            assert!(flight.pieces.len() <= MAX_PIECES);
        }
        assert_eq!(flight.span(), 1_990);
    }
}
