//! Fetches memory ahead of its use.

const LINE_BYTES: usize = 64;

/// Asks for all cache lines of a value.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    prefetch_first(value, size_of::<T>());
    // A value need not start with a line, so it may end in one more.
    let start: *const T = value;
    prefetch_line(
        start
            .cast::<u8>()
            .wrapping_add(size_of::<T>().saturating_sub(1)),
    );
}

/// Asks for the first bytes of a value that starts with a cache line.
#[inline(always)]
pub fn prefetch_first<T>(value: &T, n_bytes: usize) {
    let start: *const T = value;
    for offset in (0..n_bytes).step_by(LINE_BYTES) {
        prefetch_line(start.cast::<u8>().wrapping_add(offset));
    }
}

/// Asks for all cache lines of some bytes.
#[inline(always)]
pub fn prefetch_bytes(bytes: &[u8]) {
    let start = bytes.as_ptr();
    for offset in (0..bytes.len()).step_by(LINE_BYTES) {
        prefetch_line(start.wrapping_add(offset));
    }
    prefetch_line(start.wrapping_add(bytes.len().saturating_sub(1)));
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[inline(always)]
fn prefetch_line(place: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing into the program and cannot fault, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch_line(_place: *const u8) {}
